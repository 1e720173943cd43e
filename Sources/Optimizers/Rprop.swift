import CKernels

/// Resilient propagation: only signs count; each parameter has a step size of its own. For full
/// batches: the sign of a mini-batch's gradient is noise.
///
///     g ← g + weightDecay·p
///     s ← s·η⁺ where g·g₋₁ > 0, s·η⁻ where it is < 0, within the step sizes; s = rate at first
///     g ← 0 where g·g₋₁ < 0
///     p ← p − s·sign(g);  g₋₁ ← g
///
/// Source: Riedmiller and Braun, ICNN 1993; PyTorch's `torch.optim.Rprop`.
package struct Rprop: Optimizer {
  package let name = "rprop"
  package let weightDecay: Double
  package let stateNames = ["prev", "step_size"]
  private let etas: [Double]
  private let stepSizes: [Double]

  package init(_ settings: HyperParameters) throws {
    let values = try settings.values(
      for: name, defaults: [.etas: [0.5, 1.2], .stepSizes: [1e-6, 50], .weightDecay: [0]])
    etas = values.pair(.etas)
    stepSizes = values.pair(.stepSizes)
    weightDecay = values[.weightDecay]
  }

  package func update(_ block: UpdateBlock, _ scalars: StepScalars) {
    var settings = ck_rprop_settings()
    settings.rate_down = Float(etas[0])
    settings.rate_up = Float(etas[1])
    settings.smallest = Float(stepSizes[0])
    settings.largest = Float(stepSizes[1])
    settings.first_size = Float(block.rateFactor * scalars.learningRate)
    settings.weight_decay = Float(block.weightDecay)
    settings.first_step = scalars.isFirstStep ? 1 : 0
    ck_rprop(
      block.parameters, block.gradient, block.state[0], block.state[1], block.count, &settings)
  }
}
