import CKernels

/// Limits of the mean gradient, after the reduction and before the optimizer.
package struct Clipping: Sendable, Equatable {
  /// Maximum 2-norm over all parameters; PyTorch's `clip_grad_norm_`.
  package var norm: Double?
  /// Maximum absolute value of an element; PyTorch's `clip_grad_value_`.
  package var value: Double?
  /// Adaptive clipping: the maximum of ‖gradient‖/‖parameters‖ of each unit, which is a row of a
  /// matrix, a filter of a convolution, or a whole bias. Source: Brock et al., arXiv 2102.06171.
  package var ratio: Double?

  package init(norm: Double? = nil, value: Double? = nil, ratio: Double? = nil) {
    self.norm = norm
    self.value = value
    self.ratio = ratio
  }

  /// Whether sums over other blocks must be known first.
  package var needsNorms: Bool { norm != nil || ratio != nil }

  /// min(1, max/(norm + 1e-6)): what the gradient is multiplied by. 1 where there is no limit.
  package func factor(norm total: Double) -> Float {
    guard let norm else { return 1 }
    return Float(min(1, norm / (total + 1e-6)))
  }

  /// The same for one unit: min(1, ratio·max(‖parameters‖, 1e-3)/‖gradient‖).
  package func unitFactor(gradient: Double, parameters: Double) -> Float {
    guard let ratio else { return 1 }
    let most = ratio * max(parameters, 1e-3)
    return gradient > most ? Float(most / gradient) : 1
  }

  package func apply(_ gradient: UnsafeMutablePointer<Float>, count: Int, factor: Float) {
    if norm != nil { ck_scale(gradient, factor, count) }
    if let value { ck_clamp(gradient, Float(value), count) }
  }
}
