package import Basics
import CKernels

/// y = (x − mean)/√(variance + eps)·weight + bias over the last axis, with the population's
/// variance: x `[…, width]`, weight and bias `[width]`.
///
/// Keeps two numbers a row for backward; the normalized values are computed again.
///
/// Source: Ba, Kiros, Hinton, "Layer Normalization", arXiv 1607.06450. PyTorch's `nn.LayerNorm`.
package struct LayerNormalization: Operation {
  let epsilon: Float

  package init(epsilon: Float) { self.epsilon = epsilon }

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
    let (rows, epsilon, rounds) = (site.outputShape.count / width, epsilon, site.roundsResult)
    let isTraining = site.outputGradient != nil
    let statistics = site.scratch(bytes: rows * 8, during: isTraining ? .both : .forward)
    let forward = ClosureKernel(site.inputs + [site.output, statistics]) { pointers in
      if rounds {
        ck_layer_norm_rounded(
          pointers[0], pointers[1], pointers[2], halves(pointers[3]), pointers[4], rows, width,
          epsilon)
      } else {
        ck_layer_norm(
          pointers[0], pointers[1], pointers[2], pointers[3], pointers[4], rows, width,
          epsilon)
      }
    }
    guard let upstream = site.outputGradient else { return CompiledOperation(forward: [forward]) }
    var arguments = KernelArguments()
    let dy = arguments.add(upstream)
    let x = arguments.add(site.inputs[0])
    let weight = arguments.add(site.inputs[1])
    let kept = arguments.add(statistics)
    let scratch = arguments.add(site.scratch(bytes: width * 8, during: .backward))
    let dx = arguments.add(site.inputGradients[0])
    let dw = arguments.add(site.inputGradients[1])
    let db = arguments.add(site.inputGradients[2])
    let kernel = ClosureKernel(arguments.buffers) { pointers in
      ck_layer_norm_backward(
        pointers[dy], pointers[x], pointers[weight], pointers[kept],
        dx.map { pointers[$0.index] }, dx?.adds ?? 0, dw.map { pointers[$0.index] },
        db.map { pointers[$0.index] }, pointers[scratch], rows, width)
    }
    let clear = site.inputGradients.dropFirst().flatMap { $0.map(clearing) ?? [] }
    return CompiledOperation(forward: [forward], backward: clear + [kernel])
  }
}
