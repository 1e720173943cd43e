package import Basics
import CKernels

/// eˣ/Σ eˣ over the last axis, or its logarithm. PyTorch's `softmax` and `log_softmax`.
package struct Softmax: Operation {
  let isLogarithmic: Bool

  package init(isLogarithmic: Bool) { self.isLogarithmic = isLogarithmic }

  package var name: String { isLogarithmic ? "log-softmax" : "softmax" }
  package var backwardReads: BackwardReads { .output }

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    guard inputs[0].rank >= 2, inputs[0].extents.last != 0 else {
      throw ShapeMismatch("expected […, classes], found \(inputs[0])")
    }
    return inputs[0]
  }

  package func compile(_ site: Site) throws -> CompiledOperation {
    let width = site.outputShape.extents.last ?? 1
    let rows = site.outputShape.count / width
    let forward = ClosureKernel([site.inputs[0], site.output]) { [isLogarithmic] pointers in
      isLogarithmic
        ? ck_log_softmax(pointers[0], pointers[1], rows, width)
        : ck_softmax(pointers[0], pointers[1], rows, width)
    }
    guard let upstream = site.outputGradient, let target = site.inputGradients[0] else {
      return CompiledOperation(forward: [forward])
    }
    let accumulates: Int32 = target.accumulates ? 1 : 0
    let backward = ClosureKernel([upstream, site.output, target.buffer]) {
      [isLogarithmic] pointers in
      (isLogarithmic ? ck_log_softmax_backward : ck_softmax_backward)(
        pointers[0], pointers[1], pointers[2], rows, width, accumulates)
    }
    return CompiledOperation(forward: [forward], backward: [backward])
  }
}
