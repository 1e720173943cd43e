package import Basics
import CKernels

/// Values one after another along the channels: `[batch, channels_i, …]`, equal elsewhere →
/// `[batch, Σ channels_i, …]`. PyTorch's `torch.cat(…, dim=1)`.
package struct Concatenation: Operation {
  let count: Int

  package init(count: Int) { self.count = count }

  package let name = "concat"
  package var images: ImageUse { .channelsLast(images: count) }
  package var backwardReads: BackwardReads { [] }

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    var result = inputs[0]
    for (branch, shape) in inputs.enumerated() {
      guard shape.rank == result.rank, shape.rank >= 2, shape[0] == result[0],
        shape.extents.dropFirst(2) == result.extents.dropFirst(2)
      else {
        throw ShapeMismatch(
          "branches differ beside their channels: branch 0 gives \(inputs[0]), branch \(branch) "
            + "\(shape)")
      }
    }
    result.extents[1] = inputs.reduce(0) { $0 + $1[1] }
    return result
  }

  package func compile(_ site: Site) throws -> CompiledOperation {
    // Images lie in rows of channels; anything else in rows of a whole sample.
    let isImage = site.outputShape.rank == 4
    let rows = isImage ? site.outputShape.count / site.outputShape[1] : site.outputShape[0]
    let width = site.outputShape.count / rows
    var forward: [any Kernel] = []
    var backward: [any Kernel] = []
    var start = 0
    for (position, input) in site.inputs.enumerated() {
      let (offset, part) = (start, site.inputShapes[position].count / rows)
      start += part
      forward.append(
        ClosureKernel([input, site.output]) { pointers in
          ck_copy_rows(pointers[0], part, pointers[1] + offset, width, rows, part, 0)
        })
      guard let upstream = site.outputGradient, let target = site.inputGradients[position] else {
        continue
      }
      let adds: Int32 = target.accumulates ? 1 : 0
      backward.append(
        ClosureKernel([upstream, target.buffer]) { pointers in
          ck_copy_rows(pointers[0] + offset, width, pointers[1], part, rows, part, adds)
        })
    }
    return CompiledOperation(forward: forward, backward: backward)
  }
}
