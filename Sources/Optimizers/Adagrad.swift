import CKernels

/// Adagrad: each parameter's rate falls with the sum of its squared gradients.
///
///     g ← g + weightDecay·p
///     s ← s + g², from the initial accumulator
///     p ← p − rate/(1 + t·lrDecay) · g / (√s + ε)              t = 0 for the first step
///
/// Source: Duchi, Hazan, Singer, JMLR 2011; PyTorch's `torch.optim.Adagrad`.
package struct Adagrad: Optimizer {
  package let name = "adagrad"
  package let weightDecay: Double
  package let stateNames = ["sum"]
  private let rateDecay: Double
  private let initialAccumulator: Double
  private let epsilon: Double

  package init(_ settings: HyperParameters) throws {
    let values = try settings.values(
      for: name,
      defaults: [.lrDecay: [0], .initialAccumulator: [0], .eps: [1e-10], .weightDecay: [0]])
    rateDecay = values[.lrDecay]
    initialAccumulator = values[.initialAccumulator]
    epsilon = values[.eps]
    weightDecay = values[.weightDecay]
  }

  package func scalars(step: Int, learningRate: Double, momentum: Double?) -> StepScalars {
    StepScalars(
      learningRate: learningRate / (1 + Double(step) * rateDecay), isFirstStep: step == 0)
  }

  package func update(_ block: UpdateBlock, _ scalars: StepScalars) {
    var settings = ck_adagrad_settings()
    settings.rate = Float(block.rateFactor * scalars.learningRate)
    settings.initial = Float(initialAccumulator)
    settings.epsilon = Float(epsilon)
    settings.weight_decay = Float(block.weightDecay)
    settings.first_step = scalars.isFirstStep ? 1 : 0
    ck_adagrad(block.parameters, block.gradient, block.state[0], block.count, &settings)
  }
}
