package import Basics
import CKernels

/// In training every element is 0 with the given probability, else divided by 1 − probability;
/// in evaluation the identity. PyTorch's `nn.Dropout`.
///
/// The mask is a function of (seed, ordinal, step, sample, element), so ranks and leaves do not
/// matter; backward draws it again instead of keeping it.
package struct Dropout: Operation {
  let probability: Float
  /// Its number among the model's dropouts.
  let ordinal: Int

  package init(probability: Float, ordinal: Int) {
    self.probability = probability
    self.ordinal = ordinal
  }

  package let name = "dropout"
  package var backwardReads: BackwardReads { [] }
  package var images: ImageUse { .any }
  package func isView(of inputs: [Shape], in mode: Plan.Mode) -> Bool { mode == .evaluation }

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    guard probability >= 0, probability < 1 else {
      throw ShapeMismatch("expected a probability 0 ≤ p < 1, found \(probability)")
    }
    return inputs[0]
  }

  package func compile(_ site: Site) throws -> CompiledOperation {
    if site.output === site.inputs[0] { return CompiledOperation(forward: []) }
    let rate = ck_dropout_rate(
      threshold: UInt32((Double(probability) * 0x1p32).rounded()), scale: 1 / (1 - probability),
      layer: UInt32(ordinal))
    let (samples, context) = (site.outputShape[0], site.context)
    let count = site.outputShape.count / max(1, samples)
    let forward = ClosureKernel([site.inputs[0], site.output]) { pointers in
      ck_dropout(pointers[0], pointers[1], samples, count, context, rate, 0)
    }
    guard let upstream = site.outputGradient, let target = site.inputGradients[0] else {
      return CompiledOperation(forward: [forward])
    }
    let accumulates: Int32 = target.accumulates ? 1 : 0
    let backward = ClosureKernel([upstream, target.buffer]) { pointers in
      ck_dropout(pointers[0], pointers[1], samples, count, context, rate, accumulates)
    }
    return CompiledOperation(forward: [forward], backward: [backward])
  }
}
