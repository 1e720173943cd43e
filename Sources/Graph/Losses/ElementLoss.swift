import CKernels

/// Losses of one value an element, weight 1 an element.
package enum ElementLoss: String, Sendable, CaseIterable {
  /// Σ(prediction − target)². PyTorch's `MSELoss`.
  case meanSquaredError = "mse"

  func run(
    _ prediction: UnsafePointer<Float>, _ target: UnsafePointer<Float>,
    _ gradient: UnsafeMutablePointer<Float>?, count: Int,
    sums: UnsafeMutablePointer<ck_loss_sums>
  ) {
    ck_mean_squared_error(prediction, target, gradient, count, sums)
  }
}
