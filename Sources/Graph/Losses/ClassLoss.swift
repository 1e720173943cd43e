import Basics
import CKernels

/// Softmax cross-entropy of each row of logits against its label y, with class weights w and label
/// smoothing s:
///
///     p = softmax(logits)
///     loss = (1 − s)·w[y]·(−log p[y]) + s/classes·Σ w[c]·(−log p[c]),   weight = w[y]
///
/// The label −100 takes no part: no loss, no gradient, no weight. Source: PyTorch's
/// `CrossEntropyLoss`; Szegedy et al., arXiv 1512.00567, section 7 (smoothing).
package struct ClassLoss: Sendable, Equatable {
  /// PyTorch's `ignore_index`.
  package static let ignoredLabel: Int32 = -100

  /// 0 ≤ smoothing < 1.
  package var smoothing: Double
  /// One a class, 0 or more; nil: all 1.
  package var classWeights: [Float]?

  package init(smoothing: Double = 0, classWeights: [Float]? = nil) {
    self.smoothing = smoothing
    self.classWeights = classWeights
  }

  func checkOutput(_ output: Shape) throws(ShapeMismatch) {
    let classes = output[output.rank - 1]
    if classes < 1 { throw ShapeMismatch("an output of shape \(output) has no classes") }
    if let classWeights, classWeights.count != classes {
      throw ShapeMismatch("\(classWeights.count) class weights for an output of shape \(output)")
    }
  }

  /// - Parameters:
  ///   - logits: `[rows, classes]`.
  ///   - gradient: `[rows, classes]`, or nil where only the loss is asked for.
  func run(
    _ logits: UnsafePointer<Float>, _ labels: UnsafePointer<Int32>,
    _ gradient: UnsafeMutablePointer<Float>?, rows: Int, classes: Int,
    sums: UnsafeMutablePointer<ck_loss_sums>
  ) {
    // A metric: training does without.
    if gradient == nil {
      sums.pointee.correct += Double(ck_count_correct(logits, labels, rows, classes))
    }
    if let classWeights {
      classWeights.withUnsafeBufferPointer {
        ck_cross_entropy(
          logits, labels, gradient, rows, classes, $0.baseAddress, smoothing, sums)
      }
    } else {
      ck_cross_entropy(logits, labels, gradient, rows, classes, nil, smoothing, sums)
    }
  }
}
