import Basics
import CKernels

/// Adam, and AdamW with decoupled weight decay.
///
///     adamw: p ← p·(1 − rate·weightDecay)      adam: g ← g + weightDecay·p
///     m ← β₁·m + (1 − β₁)·g
///     v ← β₂·v + (1 − β₂)·g²
///     p ← p − rate/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε)
///
/// Sources: Kingma and Ba, arXiv 1412.6980; Loshchilov and Hutter, arXiv 1711.05101; PyTorch's
/// `torch.optim.Adam` and `AdamW` (ε outside the root; Keras puts none of its corrections there).
package struct Adam: Optimizer {
  package let name: String
  private let beta1: Double
  private let beta2: Double
  private let epsilon: Double
  private let weightDecay: Double
  private let isDecoupled: Bool

  package init(name: String, _ settings: HyperParameters) throws {
    try settings.refuse(except: ["betas", "eps", "weight-decay"], optimizer: name)
    self.name = name
    isDecoupled = name == "adamw"
    let betas = settings.betas ?? [0.9, 0.999]
    guard betas.count == 2 else {
      throw Failure.usage("betas: expected two numbers, found \(betas.count)")
    }
    beta1 = try checked("betas", betas[0], in: "0 ≤ β < 1") { $0 >= 0 && $0 < 1 }
    beta2 = try checked("betas", betas[1], in: "0 ≤ β < 1") { $0 >= 0 && $0 < 1 }
    epsilon = try checked("eps", settings.epsilon ?? 1e-8, in: "0 or more, finite") {
      $0 >= 0 && $0.isFinite
    }
    weightDecay = try checked(
      "weight-decay", settings.weightDecay ?? (isDecoupled ? 1e-2 : 0), in: "0 or more, finite"
    ) { $0 >= 0 && $0.isFinite }
  }

  package var stateNames: [String] { ["exp_avg", "exp_avg_sq"] }

  package func scalars(step: Int, learningRate: Double) -> StepScalars {
    var scalars = StepScalars()
    let t = step + 1
    scalars.learningRate = Float(learningRate)
    scalars.stepSize = Float(learningRate / (1 - power(beta1, t)))
    scalars.secondCorrection = Float((1 - power(beta2, t)).squareRoot())
    scalars.shrink = Float(1 - learningRate * weightDecay)
    return scalars
  }

  package func update(
    parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>,
    state: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int, scalars: StepScalars,
    decays: Bool
  ) {
    var settings = ck_adam_settings()
    settings.step_size = scalars.stepSize
    settings.fresh1 = Float(1 - beta1)
    settings.beta2 = Float(beta2)
    settings.fresh2 = Float(1 - beta2)
    settings.epsilon = Float(epsilon)
    settings.correction2 = scalars.secondCorrection
    settings.weight_decay = decays && !isDecoupled ? Float(weightDecay) : 0
    settings.shrink = decays && isDecoupled ? scalars.shrink : 1
    ck_adam(parameters, gradient, state[0], state[1], count, &settings)
  }
}

/// base^exponent by squaring: no libm, so the same bits on every host.
package func power(_ base: Double, _ exponent: Int) -> Double {
  var result = 1.0
  var factor = base
  var remaining = exponent
  while remaining > 0 {
    if remaining & 1 == 1 { result *= factor }
    factor *= factor
    remaining >>= 1
  }
  return result
}
