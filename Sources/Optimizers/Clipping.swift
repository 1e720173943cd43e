import CKernels

/// Limits of the mean gradient, after the reduction and before the optimizer.
package struct Clipping: Sendable, Equatable {
  /// Maximum 2-norm over all parameters; PyTorch's `clip_grad_norm_`.
  package var norm: Double?
  /// Maximum absolute value of an element; PyTorch's `clip_grad_value_`.
  package var value: Double?

  package init(norm: Double? = nil, value: Double? = nil) {
    self.norm = norm
    self.value = value
  }

  /// min(1, max/(norm + 1e-6)): what the gradient is multiplied by. 1 where there is no limit.
  package func factor(norm total: Double) -> Float {
    guard let norm else { return 1 }
    return Float(min(1, norm / (total + 1e-6)))
  }

  package func apply(_ gradient: UnsafeMutablePointer<Float>, count: Int, factor: Float) {
    if norm != nil { ck_scale(gradient, factor, count) }
    if let value { ck_clamp(gradient, Float(value), count) }
  }
}
