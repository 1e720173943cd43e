import CKernels

/// Adam; AdamW with decoupled weight decay; either as AMSGrad.
///
///     adamw: p ← p·(1 − rate·weightDecay)      adam: g ← g + weightDecay·p
///     m ← β₁·m + (1 − β₁)·g
///     v ← β₂·v + (1 − β₂)·g²                   amsgrad: v̄ ← max(v̄, v) in place of v below
///     p ← p − rate/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε)
///
/// Sources: Kingma and Ba, arXiv 1412.6980; Loshchilov and Hutter, arXiv 1711.05101; Reddi, Kale
/// and Kumar, ICLR 2018; PyTorch's `torch.optim.Adam` and `AdamW` (ε outside the root; Keras puts
/// none of its corrections there).
package struct Adam: Optimizer {
  package let name: String
  package let weightDecay: Double
  private let moments: AdamMoments
  private let isDecoupled: Bool
  private let keepsLargest: Bool

  package init(name: String, _ settings: HyperParameters) throws {
    self.name = name
    isDecoupled = name == "adamw"
    var defaults = AdamMoments.defaults
    defaults[.amsgrad] = [name == "amsgrad" ? 1 : 0]
    if isDecoupled { defaults[.weightDecay] = [1e-2] }
    let values = try settings.values(for: name, defaults: defaults)
    moments = AdamMoments(values)
    weightDecay = values[.weightDecay]
    keepsLargest = values.isOn(.amsgrad)
  }

  package let followsMomentum = true
  package var stateNames: [String] {
    AdamMoments.stateNames + (keepsLargest ? ["max_exp_avg_sq"] : [])
  }

  package func scalars(step: Int, learningRate: Double, momentum: Double?) -> StepScalars {
    moments.scalars(step: step, learningRate: learningRate, momentum: momentum)
  }

  package func update(_ block: UpdateBlock, _ scalars: StepScalars) {
    var settings = moments.settings(block, scalars, decouples: isDecoupled)
    let (m, v) = (block.state[0], block.state[1])
    if keepsLargest {
      ck_amsgrad(block.parameters, block.gradient, m, v, block.state[2], block.count, &settings)
    } else {
      ck_adam(block.parameters, block.gradient, m, v, block.count, &settings)
    }
  }
}
