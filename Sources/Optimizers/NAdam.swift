import CKernels
import Glibc

/// NAdam: Adam with Nesterov's look ahead.
///
///     μₜ = β₁·(1 − ½·0.96^(t·ψ)),  Πₜ = μ₁·…·μₜ                          ψ: momentum decay
///     g ← g + weightDecay·p
///     m ← β₁·m + (1 − β₁)·g,  v ← β₂·v + (1 − β₂)·g²
///     p ← p − rate·( (1 − μₜ)/(1 − Πₜ)·g + μₜ₊₁/(1 − Πₜ₊₁)·m ) / (√v/√(1 − β₂ᵗ) + ε)
///
/// Source: Dozat, ICLR 2016 workshop; PyTorch's `torch.optim.NAdam`.
package struct NAdam: Optimizer {
  package let name = "nadam"
  package let weightDecay: Double
  package let stateNames = AdamMoments.stateNames
  private let moments: AdamMoments
  private let momentumDecay: Double

  package init(_ settings: HyperParameters) throws {
    let defaults = AdamMoments.defaults.merging([.momentumDecay: [4e-3]]) { $1 }
    let values = try settings.values(for: name, defaults: defaults)
    moments = AdamMoments(values)
    momentumDecay = values[.momentumDecay]
    weightDecay = values[.weightDecay]
  }

  package func scalars(step: Int, learningRate: Double, momentum: Double?) -> StepScalars {
    var scalars = moments.scalars(step: step, learningRate: learningRate, momentum: nil)
    let t = step + 1
    scalars.gradientFactor = (1 - self.momentum(t)) / (1 - momentumProduct(t))
    scalars.momentFactor = self.momentum(t + 1) / (1 - momentumProduct(t + 1))
    return scalars
  }

  /// μₜ, t = 1 for the first step.
  private func momentum(_ t: Int) -> Double {
    moments.beta1 * (1 - 0.5 * pow(0.96, Double(t) * momentumDecay))
  }

  /// μ₁·…·μₜ as a function of t alone, so that a resumed run finds it again: with q = 0.96^ψ,
  ///
  ///     ln Π (1 − ½qⁱ) = −Σₖ 2⁻ᵏ/k · Σᵢ qᵏⁱ,   Σᵢ qᵏⁱ = qᵏ·(1 − qᵏᵗ)/(1 − qᵏ)   i = 1 … t
  ///
  /// 60 terms of the series are below the last bit.
  private func momentumProduct(_ t: Int) -> Double {
    let logarithm = momentumDecay * log(0.96)
    var sum = 0.0
    for k in 1...60 {
      let x = Double(k) * logarithm
      let powers = x == 0 ? Double(t) : exp(x) * expm1(x * Double(t)) / expm1(x)
      sum -= powers / (Double(k) * power(2, k))
    }
    return power(moments.beta1, t) * exp(sum)
  }

  package func update(_ block: UpdateBlock, _ scalars: StepScalars) {
    var settings = moments.settings(block, scalars)
    ck_nadam(
      block.parameters, block.gradient, block.state[0], block.state[1], block.count, &settings)
  }
}
