import CKernels

/// Losses of a row of logits against a distribution q; weight 1 a row.
package enum DistributionLoss: Sendable, Equatable {
  /// −Σ w[c]·q′[c]·log softmax(x)[c] with q′ = (1 − s)·q + s/classes, class weights w and label
  /// smoothing s. Source: PyTorch's `CrossEntropyLoss` with probabilities.
  case crossEntropy(ClassSettings)
  /// Σ q[c]·(log q[c] − log softmax(x)[c]), the Kullback–Leibler divergence; 0·log 0 is 0.
  /// Source: PyTorch's `KLDivLoss` of log-softmax with `reduction="batchmean"`.
  case divergence

  func run(_ site: LossSite) {
    switch self {
    case .crossEntropy(let settings):
      settings.withWeights {
        ck_soft_cross_entropy(
          site.output, site.values, site.gradient, site.rows, site.classes, $0,
          settings.smoothing, 0, site.sums)
      }
    case .divergence:
      ck_soft_cross_entropy(
        site.output, site.values, site.gradient, site.rows, site.classes, nil, 0, 1, site.sums)
    }
  }
}
