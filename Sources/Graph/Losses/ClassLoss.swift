import CKernels

/// How cross-entropy counts its classes.
package struct ClassSettings: Sendable, Equatable {
  /// 0 ≤ smoothing < 1: the share of the target spread over all classes.
  package var smoothing: Double
  /// One a class, 0 or more; nil: all 1.
  package var weights: [Float]?

  package init(smoothing: Double = 0, weights: [Float]? = nil) {
    self.smoothing = smoothing
    self.weights = weights
  }

  /// Calls `body` with the weights' address, nil where all are 1.
  func withWeights(_ body: (UnsafePointer<Float>?) -> Void) {
    if let weights {
      weights.withUnsafeBufferPointer { body($0.baseAddress) }
    } else {
      body(nil)
    }
  }
}

/// Losses of a row of outputs x against its label y. The label −100 takes no part: no loss, no
/// gradient, no weight (PyTorch's `ignore_index`).
package enum ClassLoss: Sendable, Equatable {
  /// Softmax cross-entropy with class weights w and label smoothing s:
  ///
  ///     p = softmax(x)
  ///     loss = (1 − s)·w[y]·(−log p[y]) + s/classes·Σ w[c]·(−log p[c]),   weight = w[y]
  ///
  /// Source: PyTorch's `CrossEntropyLoss`; Szegedy et al., arXiv 1512.00567, section 7 (smoothing).
  case crossEntropy(ClassSettings)
  /// Σ over c ≠ y of max(0, margin − x[y] + x[c]) / classes; weight 1.
  ///
  /// Source: PyTorch's `MultiMarginLoss`; Weston and Watkins, ESANN 1999.
  case hinge(margin: Double)
  /// Threshold units, one a class, with the target 1 of their own class and 0 of others: Σ |x| of
  /// those that are wrong, weight 1. The gradient step w −= lr·(y − target)·x is the perceptron
  /// rule.
  ///
  /// Source: Rosenblatt, "The Perceptron", Psychological Review 65, 1958.
  case perceptron

  package static let ignoredLabel: Int32 = CK_IGNORED_LABEL

  func run(_ site: LossSite) {
    switch self {
    case .crossEntropy(let settings):
      settings.withWeights {
        ck_cross_entropy(
          site.output, site.labels, site.gradient, site.rows, site.classes, $0,
          settings.smoothing, site.sums)
      }
    case .hinge(let margin):
      ck_hinge(
        site.output, site.labels, site.gradient, site.rows, site.classes, Float(margin), site.sums)
    case .perceptron:
      ck_perceptron(
        site.output, site.labels, site.gradient, site.rows, site.classes, site.sums)
    }
  }
}
