import CKernels

/// Losses of one value an element, with d = prediction − target; weight 1 an element.
package enum ElementLoss: Sendable, Equatable {
  /// d². PyTorch's `MSELoss`.
  case squared
  /// d²/2, the textbooks' form: its gradient is d.
  case halfSquared
  /// |d|, with slope 0 at 0. PyTorch's `L1Loss`.
  case absolute
  /// d²/2 where |d| ≤ δ, else δ·(|d| − δ/2). PyTorch's `HuberLoss`; Huber, 1964.
  case huber(delta: Double)
  /// d²/(2β) where |d| < β, else |d| − β/2. PyTorch's `SmoothL1Loss`.
  case smoothL1(beta: Double)
  /// log(1 + eˣ) − target·x of a logit x, for targets from 0 to 1. PyTorch's
  /// `BCEWithLogitsLoss`.
  case binaryCrossEntropy

  func run(_ site: LossSite) {
    let (kind, parameter): (ck_element_loss, Double) =
      switch self {
      case .squared: (CK_SQUARED, 0)
      case .halfSquared: (CK_HALF_SQUARED, 0)
      case .absolute: (CK_ABSOLUTE, 0)
      case .huber(let delta): (CK_HUBER, delta)
      case .smoothL1(let beta): (CK_SMOOTH_L1, beta)
      case .binaryCrossEntropy: (CK_BINARY_CROSS_ENTROPY, 0)
      }
    ck_element_losses(
      kind, Float(parameter), site.output, site.values, site.gradient, site.rows * site.classes,
      site.sums)
  }
}
