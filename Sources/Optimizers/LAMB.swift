import CKernels

/// LAMB: Adam's direction, scaled tensor by tensor to the size of the parameters, for very large
/// batches.
///
///     m and v as Adam's;  r ← m̂ / (√v̂ + ε) + weightDecay·p
///     p ← p − rate · ‖p‖/‖r‖ · r          norms over the tensor; a zero norm makes the ratio 1
///
/// Source: You et al., arXiv 1904.00962, algorithm 2 with φ(z) = z.
package struct LAMB: Optimizer {
  package let name = "lamb"
  package let weightDecay: Double
  package let followsMomentum = true
  package let stateNames = AdamMoments.stateNames
  package let needsTensorNorms = true
  private let moments: AdamMoments

  package init(_ settings: HyperParameters) throws {
    let defaults = AdamMoments.defaults.merging([.eps: [1e-6]]) { $1 }
    let values = try settings.values(for: name, defaults: defaults)
    moments = AdamMoments(values)
    weightDecay = values[.weightDecay]
  }

  package func scalars(step: Int, learningRate: Double, momentum: Double?) -> StepScalars {
    moments.scalars(step: step, learningRate: learningRate, momentum: momentum)
  }

  package func prepare(_ block: UpdateBlock, _ scalars: StepScalars) {
    var settings = moments.settings(block, scalars)
    // The direction itself has no rate.
    settings.moment_rate = Float(scalars.momentFactor)
    ck_lamb_direction(
      block.parameters, block.gradient, block.state[0], block.state[1], block.count, &settings)
  }

  package func update(_ block: UpdateBlock, _ scalars: StepScalars) {
    let (size, length) = block.norms
    let ratio = size > 0 && length > 0 ? size / length : 1
    let rate = block.rateFactor * scalars.learningRate * ratio
    ck_descend(block.parameters, block.gradient, Float(rate), block.count)
  }
}
