import Basics
import CKernels

/// A penalty the loss gains: elastic net, of which L1 and L2 are the ends.
///
///     penalty(θ) = l1·Σ|θ| + l2/2·Σθ²,  gradient l1·sign(θ) + l2·θ, sign(0) = 0
///
/// `--l1 λ`: l1 = λ. `--l2 λ`: l2 = λ. `--elastic-net λ,α`: l1 = λα, l2 = λ(1 − α). Biases and
/// norm parameters are left alone. Decoupled weight decay is another thing: see `Adam`.
///
/// Source: Zou and Hastie, "Regularization and Variable Selection via the Elastic Net", 2005.
package struct Penalty: Sendable, Equatable {
  package var l1: Double
  package var l2: Double

  package init(l1: Double = 0, l2: Double = 0) {
    self.l1 = l1
    self.l2 = l2
  }

  /// - Parameter alpha: the share of L1, 0 to 1.
  package static func elasticNet(lambda: Double, alpha: Double) -> Penalty {
    Penalty(l1: lambda * alpha, l2: lambda * (1 - alpha))
  }

  package static func + (a: Penalty, b: Penalty) -> Penalty {
    Penalty(l1: a.l1 + b.l1, l2: a.l2 + b.l2)
  }

  package var isActive: Bool { l1 != 0 || l2 != 0 }

  /// Adds the penalty's gradient at `parameters` to `gradient`.
  package func addGradient(
    to gradient: UnsafeMutablePointer<Float>, at parameters: UnsafePointer<Float>, count: Int
  ) {
    ck_add_penalty_gradient(gradient, parameters, Float(l1), Float(l2), count)
  }

  /// The penalty of these parameters.
  package func value(of parameters: UnsafePointer<Float>, count: Int) -> Double {
    (l1 == 0 ? 0 : l1 * ck_sum_absolutes(parameters, count))
      + (l2 == 0 ? 0 : l2 / 2 * ck_sum_squares(parameters, count))
  }
}
