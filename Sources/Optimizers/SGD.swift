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
  package let weightDecay: Double
  private let momentum: Double
  private let dampening: Double
  private let isNesterov: Bool

  package init(name: String, _ settings: HyperParameters) throws {
    self.name = name
    let values = try settings.values(
      for: name,
      defaults: [.momentum: [name == "sgd" ? 0 : 0.9], .dampening: [0], .weightDecay: [0]])
    momentum = values[.momentum]
    dampening = values[.dampening]
    weightDecay = values[.weightDecay]
    isNesterov = name == "nesterov"
    if isNesterov && (momentum == 0 || dampening != 0) {
      throw Failure.usage("nesterov: needs a momentum above 0 and no dampening")
    }
  }

  package var followsMomentum: Bool { momentum > 0 }

  package var stateNames: [String] { momentum == 0 ? [] : ["momentum_buffer"] }

  package func update(_ block: UpdateBlock, _ scalars: StepScalars) {
    var settings = ck_sgd_settings()
    settings.learning_rate = Float(block.rateFactor * scalars.learningRate)
    settings.momentum = momentum == 0 ? 0 : Float(scalars.momentum ?? momentum)
    settings.dampening = Float(dampening)
    settings.weight_decay = Float(block.weightDecay)
    settings.nesterov = isNesterov ? 1 : 0
    settings.first_step = scalars.isFirstStep ? 1 : 0
    ck_sgd(
      block.parameters, block.gradient, momentum == 0 ? nil : block.state[0], block.count,
      &settings)
  }
}
