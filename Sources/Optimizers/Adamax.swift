import CKernels

/// Adamax: Adam by the infinity norm of the gradients.
///
///     g ← g + weightDecay·p
///     m ← β₁·m + (1 − β₁)·g
///     u ← max(β₂·u, |g| + ε)
///     p ← p − rate/(1 − β₁ᵗ) · m / u
///
/// Source: Kingma and Ba, arXiv 1412.6980, section 7.1; PyTorch's `torch.optim.Adamax`.
package struct Adamax: Optimizer {
  package let name = "adamax"
  package let weightDecay: Double
  package let followsMomentum = true
  package let stateNames = ["exp_avg", "exp_inf"]
  private let moments: AdamMoments

  package init(_ settings: HyperParameters) throws {
    let values = try settings.values(for: name, defaults: AdamMoments.defaults)
    moments = AdamMoments(values)
    weightDecay = values[.weightDecay]
  }

  package func scalars(step: Int, learningRate: Double, momentum: Double?) -> StepScalars {
    moments.scalars(step: step, learningRate: learningRate, momentum: momentum)
  }

  package func update(_ block: UpdateBlock, _ scalars: StepScalars) {
    var settings = moments.settings(block, scalars)
    ck_adamax(
      block.parameters, block.gradient, block.state[0], block.state[1], block.count, &settings)
  }
}
