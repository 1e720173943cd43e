import Basics
import CKernels

/// Stochastic gradient descent: with momentum, damped or Nesterov's.
///
///     g ← g + weightDecay·p
///     b ← g on the first step, then momentum·b + (1 − dampening)·g
///     p ← p − rate·b                        (nesterov: p − rate·(g + momentum·b))
///
/// Source: PyTorch's `torch.optim.SGD`; Sutskever et al., ICML 2013. The rate is not inside b.
package struct SGD: Optimizer {
  package let name: String
  private let momentum: Double
  private let dampening: Double
  private let weightDecay: Double
  private let isNesterov: Bool

  package init(name: String, _ settings: HyperParameters) throws {
    try settings.refuse(except: ["momentum", "dampening", "weight-decay"], optimizer: name)
    self.name = name
    isNesterov = name == "nesterov"
    momentum = try checked(
      "momentum", settings.momentum ?? (name == "sgd" ? 0 : 0.9), in: "0 ≤ momentum < 1"
    ) { $0 >= 0 && $0 < 1 }
    dampening = try checked("dampening", settings.dampening ?? 0, in: "0 to 1") {
      $0 >= 0 && $0 <= 1
    }
    weightDecay = try checked("weight-decay", settings.weightDecay ?? 0, in: "0 or more, finite") {
      $0 >= 0 && $0.isFinite
    }
    if isNesterov && (momentum == 0 || dampening != 0) {
      throw Failure.usage("nesterov: needs a momentum above 0 and no dampening")
    }
  }

  package var stateNames: [String] { momentum == 0 ? [] : ["momentum_buffer"] }

  package func scalars(step: Int, learningRate: Double) -> StepScalars {
    var scalars = StepScalars()
    scalars.learningRate = Float(learningRate)
    scalars.isFirstStep = step == 0
    return scalars
  }

  package func update(
    parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>,
    state: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int, scalars: StepScalars,
    decays: Bool
  ) {
    var settings = ck_sgd_settings()
    settings.learning_rate = scalars.learningRate
    settings.momentum = Float(momentum)
    settings.dampening = Float(dampening)
    settings.weight_decay = decays ? Float(weightDecay) : 0
    settings.nesterov = isNesterov ? 1 : 0
    settings.first_step = scalars.isFirstStep ? 1 : 0
    ck_sgd(parameters, gradient, momentum == 0 ? nil : state[0], count, &settings)
  }
}
