import CKernels

/// LARS: momentum, with a rate for each tensor by the sizes of its parameters and gradient.
///
///     λ ← trust·‖p‖ / (‖g‖ + weightDecay·‖p‖)    norms over the tensor; 1 where ‖p‖ or ‖g‖ is 0
///     b ← momentum·b + rate·λ·(g + weightDecay·p)
///     p ← p − b
///
/// Source: You, Gitman, Ginsburg, arXiv 1708.03888, algorithm 1: unlike SGD's, the buffer holds
/// the rate.
package struct LARS: Optimizer {
  package let name = "lars"
  package let weightDecay: Double
  package let followsMomentum = true
  package let stateNames = ["momentum_buffer"]
  package let needsTensorNorms = true
  private let momentum: Double
  private let trustCoefficient: Double

  package init(_ settings: HyperParameters) throws {
    let values = try settings.values(
      for: name, defaults: [.momentum: [0.9], .trustCoefficient: [1e-3], .weightDecay: [0]])
    momentum = values[.momentum]
    trustCoefficient = values[.trustCoefficient]
    weightDecay = values[.weightDecay]
  }

  package func update(_ block: UpdateBlock, _ scalars: StepScalars) {
    let (size, length) = block.norms
    let localRate =
      size > 0 && length > 0
      ? trustCoefficient * size / (length + block.weightDecay * size) : 1
    var settings = ck_lars_settings()
    settings.scaled_rate = Float(block.rateFactor * scalars.learningRate * localRate)
    settings.momentum = Float(scalars.momentum ?? momentum)
    settings.weight_decay = Float(block.weightDecay)
    ck_lars(block.parameters, block.gradient, block.state[0], block.count, &settings)
  }
}
