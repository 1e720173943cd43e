import CKernels

/// What Adam and its relatives share: the two moments of the gradient.
///
///     m ← β₁·m + (1 − β₁)·g,  v ← β₂·v + (1 − β₂)·g²
struct AdamMoments: Sendable {
  let beta1: Double
  let beta2: Double
  let epsilon: Double

  static let stateNames = ["exp_avg", "exp_avg_sq"]
  /// PyTorch's defaults.
  static let defaults: [HyperParameter: [Double]] = [
    .betas: [0.9, 0.999], .eps: [1e-8], .weightDecay: [0],
  ]

  init(_ values: OptimizerValues) {
    (beta1, beta2) = (values.pair(.betas)[0], values.pair(.betas)[1])
    epsilon = values[.eps]
  }

  /// The bias corrections of step `step` (0 for the first): 1/(1 − β₁ᵗ) and 1/√(1 − β₂ᵗ).
  func scalars(step: Int, learningRate: Double, momentum: Double?) -> StepScalars {
    var scalars = StepScalars(
      learningRate: learningRate, momentum: momentum, isFirstStep: step == 0)
    scalars.momentFactor = 1 / (1 - power(momentum ?? beta1, step + 1))
    scalars.rootFactor = 1 / (1 - power(beta2, step + 1)).squareRoot()
    return scalars
  }

  /// - Parameter decouples: whether weight decay shrinks the parameters (AdamW) or joins the
  ///   gradient.
  func settings(
    _ block: UpdateBlock, _ scalars: StepScalars, decouples: Bool = false
  ) -> ck_adam_settings {
    let rate = block.rateFactor * scalars.learningRate
    var settings = ck_adam_settings()
    settings.moment_rate = Float(rate * scalars.momentFactor)
    settings.gradient_rate = Float(rate * scalars.gradientFactor)
    settings.fresh1 = Float(1 - (scalars.momentum ?? beta1))
    settings.beta2 = Float(beta2)
    settings.fresh2 = Float(1 - beta2)
    settings.epsilon = Float(epsilon)
    settings.root_factor = Float(scalars.rootFactor)
    settings.weight_decay = decouples ? 0 : Float(block.weightDecay)
    settings.shrink = decouples ? Float(1 - rate * block.weightDecay) : 1
    return settings
  }
}
