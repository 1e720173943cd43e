import Basics
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
  private let alpha: Double
  private let epsilon: Double
  private let momentum: Double
  private let weightDecay: Double
  private let isCentered: Bool

  package init(_ settings: HyperParameters) throws {
    try settings.refuse(
      except: ["alpha", "eps", "momentum", "centered", "weight-decay"], optimizer: name)
    alpha = try checked("alpha", settings.alpha ?? 0.99, in: "0 ≤ alpha < 1") {
      $0 >= 0 && $0 < 1
    }
    epsilon = try checked("eps", settings.epsilon ?? 1e-8, in: "0 or more, finite") {
      $0 >= 0 && $0.isFinite
    }
    momentum = try checked("momentum", settings.momentum ?? 0, in: "0 ≤ momentum < 1") {
      $0 >= 0 && $0 < 1
    }
    weightDecay = try checked("weight-decay", settings.weightDecay ?? 0, in: "0 or more, finite") {
      $0 >= 0 && $0.isFinite
    }
    isCentered = settings.centered ?? false
  }

  package var stateNames: [String] {
    ["square_avg"] + (isCentered ? ["grad_avg"] : []) + (momentum > 0 ? ["momentum_buffer"] : [])
  }

  package func scalars(step: Int, learningRate: Double) -> StepScalars {
    var scalars = StepScalars()
    scalars.learningRate = Float(learningRate)
    return scalars
  }

  package func update(
    parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>,
    state: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int, scalars: StepScalars,
    decays: Bool
  ) {
    var settings = ck_rmsprop_settings()
    settings.learning_rate = scalars.learningRate
    settings.alpha = Float(alpha)
    settings.fresh = Float(1 - alpha)
    settings.epsilon = Float(epsilon)
    settings.momentum = Float(momentum)
    settings.weight_decay = decays ? Float(weightDecay) : 0
    let mean = isCentered ? state[1] : nil
    let buffer = momentum > 0 ? state[isCentered ? 2 : 1] : nil
    ck_rmsprop(parameters, gradient, state[0], mean, buffer, count, &settings)
  }
}
