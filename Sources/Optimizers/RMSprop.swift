import CKernels

/// RMSprop.
///
///     g ← g + weightDecay·p
///     v ← α·v + (1 − α)·g²
///     centered: a ← α·a + (1 − α)·g, and v − a² in place of v below
///     u ← g / (√v + ε);  with momentum: b ← momentum·b + u, and b in place of u
///     p ← p − rate·u
///
/// Source: Hinton, lecture 6e of Coursera's "Neural Networks for Machine Learning", 2012;
/// PyTorch's `torch.optim.RMSprop` (ε outside the root; Keras puts it inside and calls α rho).
package struct RMSprop: Optimizer {
  package let name = "rmsprop"
  package let weightDecay: Double
  private let alpha: Double
  private let epsilon: Double
  private let momentum: Double
  private let isCentered: Bool

  package init(_ settings: HyperParameters) throws {
    let values = try settings.values(
      for: name,
      defaults: [
        .alpha: [0.99], .eps: [1e-8], .momentum: [0], .centered: [0], .weightDecay: [0],
      ])
    alpha = values[.alpha]
    epsilon = values[.eps]
    momentum = values[.momentum]
    isCentered = values.isOn(.centered)
    weightDecay = values[.weightDecay]
  }

  package var followsMomentum: Bool { momentum > 0 }

  package var stateNames: [String] {
    ["square_avg"] + (isCentered ? ["grad_avg"] : []) + (momentum > 0 ? ["momentum_buffer"] : [])
  }

  package func update(_ block: UpdateBlock, _ scalars: StepScalars) {
    var settings = ck_rmsprop_settings()
    settings.learning_rate = Float(block.rateFactor * scalars.learningRate)
    settings.alpha = Float(alpha)
    settings.fresh = Float(1 - alpha)
    settings.epsilon = Float(epsilon)
    settings.momentum = momentum == 0 ? 0 : Float(scalars.momentum ?? momentum)
    settings.weight_decay = Float(block.weightDecay)
    let mean = isCentered ? block.state[1] : nil
    let buffer = momentum > 0 ? block.state[isCentered ? 2 : 1] : nil
    ck_rmsprop(
      block.parameters, block.gradient, block.state[0], mean, buffer, block.count, &settings)
  }
}
