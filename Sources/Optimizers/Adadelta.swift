import CKernels

/// Adadelta: steps in the units of the parameters, by the running size of the steps before.
///
///     g ← g + weightDecay·p
///     v ← ρ·v + (1 − ρ)·g²
///     u ← √(d + ε) / √(v + ε) · g
///     d ← ρ·d + (1 − ρ)·u²
///     p ← p − rate·u
///
/// Source: Zeiler, arXiv 1212.5701; PyTorch's `torch.optim.Adadelta`.
package struct Adadelta: Optimizer {
  package let name = "adadelta"
  package let weightDecay: Double
  package let stateNames = ["square_avg", "acc_delta"]
  private let rho: Double
  private let epsilon: Double

  package init(_ settings: HyperParameters) throws {
    let values = try settings.values(
      for: name, defaults: [.rho: [0.9], .eps: [1e-6], .weightDecay: [0]])
    rho = values[.rho]
    epsilon = values[.eps]
    weightDecay = values[.weightDecay]
  }

  package func update(_ block: UpdateBlock, _ scalars: StepScalars) {
    var settings = ck_adadelta_settings()
    settings.learning_rate = Float(block.rateFactor * scalars.learningRate)
    settings.rho = Float(rho)
    settings.fresh = Float(1 - rho)
    settings.epsilon = Float(epsilon)
    settings.weight_decay = Float(block.weightDecay)
    ck_adadelta(
      block.parameters, block.gradient, block.state[0], block.state[1], block.count, &settings)
  }
}
