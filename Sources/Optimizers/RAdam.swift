import CKernels

/// RAdam: Adam that steps along the moment alone until its variance can be trusted.
///
///     ρ∞ = 2/(1 − β₂) − 1,  ρₜ = ρ∞ − 2t·β₂ᵗ/(1 − β₂ᵗ)
///     g ← g + weightDecay·p;  m and v as Adam's;  m̂ = m/(1 − β₁ᵗ)
///     ρₜ > 5: p ← p − rate·r·m̂·√(1 − β₂ᵗ)/(√v + ε),
///             r = √( (ρₜ − 4)(ρₜ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρₜ) )
///     else:   p ← p − rate·m̂
///
/// Source: Liu et al., arXiv 1908.03265; PyTorch's `torch.optim.RAdam` (ε beside the uncorrected
/// root).
package struct RAdam: Optimizer {
  package let name = "radam"
  package let weightDecay: Double
  package let followsMomentum = true
  package let stateNames = AdamMoments.stateNames
  private let moments: AdamMoments

  package init(_ settings: HyperParameters) throws {
    let values = try settings.values(for: name, defaults: AdamMoments.defaults)
    moments = AdamMoments(values)
    weightDecay = values[.weightDecay]
  }

  package func scalars(step: Int, learningRate: Double, momentum: Double?) -> StepScalars {
    var scalars = StepScalars(
      learningRate: learningRate, momentum: momentum, isFirstStep: step == 0)
    let t = step + 1
    let beta2Power = power(moments.beta2, t)
    let correction = 1 - beta2Power
    let limit = 2 / (1 - moments.beta2) - 1
    let length = limit - 2 * Double(t) * beta2Power / correction
    scalars.momentFactor = 1 / (1 - power(momentum ?? moments.beta1, t))
    scalars.isRectified = length > 5
    if scalars.isRectified {
      let rectification =
        (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
      scalars.momentFactor *= rectification.squareRoot() * correction.squareRoot()
    }
    return scalars
  }

  package func update(_ block: UpdateBlock, _ scalars: StepScalars) {
    var settings = moments.settings(block, scalars)
    let (m, v) = (block.state[0], block.state[1])
    if scalars.isRectified {
      ck_adam(block.parameters, block.gradient, m, v, block.count, &settings)
    } else {
      ck_radam_warmup(block.parameters, block.gradient, m, v, block.count, &settings)
    }
  }
}
