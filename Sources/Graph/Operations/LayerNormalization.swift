package import Basics
import CKernels

/// y = (x − mean)/√(variance + eps)·weight + bias over the last axis, with the population's
/// variance: x `[…, width]`, weight and bias `[width]`.
///
/// Keeps two numbers a row for backward; the normalized values are computed again.
///
/// Source: Ba, Kiros, Hinton, "Layer Normalization", arXiv 1607.06450. PyTorch's `nn.LayerNorm`.
package struct LayerNormalization: Operation {
  let eps: Float

  package init(eps: Float) { self.eps = eps }

  package let name = "layernorm"
  package var backwardReads: BackwardReads { .inputs }
  package var isCheap: Bool { true }
  package var canRoundResult: Bool { true }

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    let x = inputs[0]
    guard x.rank >= 2, let width = x.extents.last, width > 0 else {
      throw ShapeMismatch("expected […, width], found \(x)")
    }
    for parameter in inputs.dropFirst() where parameter.extents != [width] {
      throw ShapeMismatch("expected weight and bias [\(width)], found \(parameter)")
    }
    return x
  }

  package func compile(_ site: Site) throws -> CompiledOperation {
    let width = site.inputShapes[1][0]
    let (rows, eps, rounds) = (site.outputShape.count / width, eps, site.roundsResult)
    let isTraining = site.outputGradient != nil
    let statistics = site.scratch(bytes: rows * 8, during: isTraining ? .both : .forward)
    let forward = ClosureKernel(site.inputs + [site.output, statistics]) { pointers in
      if rounds {
        ck_layer_norm_rounded(
          pointers[0], pointers[1], pointers[2], halves(pointers[3]), pointers[4], rows, width, eps)
      } else {
        ck_layer_norm(
          pointers[0], pointers[1], pointers[2], pointers[3], pointers[4], rows, width, eps)
      }
    }
    guard let upstream = site.outputGradient else { return CompiledOperation(forward: [forward]) }
    let targets = site.inputGradients
    let scratch = site.scratch(bytes: width * 8, during: .backward)
    var buffers = [upstream, site.inputs[0], site.inputs[1], statistics, scratch]
    let places = targets.map { target -> Int? in
      guard let target else { return nil }
      buffers.append(target.buffer)
      return buffers.count - 1
    }
    let accumulates: Int32 = targets[0]?.accumulates == true ? 1 : 0
    let kernel = ClosureKernel(buffers) { pointers in
      ck_layer_norm_backward(
        pointers[0], pointers[1], pointers[2], pointers[3], places[0].map { pointers[$0] },
        accumulates, places[1].map { pointers[$0] }, places[2].map { pointers[$0] },
        pointers[4], rows, width)
    }
    let clear = targets.dropFirst().flatMap { $0.map(clearing) ?? [] }
    return CompiledOperation(forward: [forward], backward: clear + [kernel])
  }
}
