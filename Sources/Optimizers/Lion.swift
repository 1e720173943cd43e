import CKernels

/// Lion: the sign of an interpolated momentum, with decoupled weight decay.
///
///     c ← β₁·m + (1 − β₁)·g
///     p ← p·(1 − rate·weightDecay) − rate·sign(c)
///     m ← β₂·m + (1 − β₂)·g
///
/// Source: Chen et al., arXiv 2302.06675.
package struct Lion: Optimizer {
  package let name = "lion"
  package let weightDecay: Double
  package let stateNames = ["exp_avg"]
  package let followsMomentum = true
  private let betas: [Double]

  package init(_ settings: HyperParameters) throws {
    let values = try settings.values(
      for: name, defaults: [.betas: [0.9, 0.99], .weightDecay: [0]])
    betas = values.pair(.betas)
    weightDecay = values[.weightDecay]
  }

  package func update(_ block: UpdateBlock, _ scalars: StepScalars) {
    let rate = block.rateFactor * scalars.learningRate
    var settings = ck_lion_settings()
    settings.learning_rate = Float(rate)
    let beta1 = scalars.momentum ?? betas[0]
    settings.beta1 = Float(beta1)
    settings.fresh1 = Float(1 - beta1)
    settings.beta2 = Float(betas[1])
    settings.fresh2 = Float(1 - betas[1])
    settings.shrink = Float(1 - rate * block.weightDecay)
    ck_lion(block.parameters, block.gradient, block.state[0], block.count, &settings)
  }
}
