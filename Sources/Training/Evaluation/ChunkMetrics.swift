import Basics
import CKernels
package import DataParallel
import Graph

/// What the figures beside the loss are summed from, chunk by chunk.
final class ChunkMetrics {
  /// How outputs compare with targets.
  enum Kind {
    /// The largest output of a row against a label.
    case labels
    /// The sign of a logit against a probability.
    case probabilities
    case values
  }

  let kind: Kind
  private let loss: Loss
  private var largest = AlignedBuffer<Int32>(count: 0)

  init(loss: Loss, isClassification: Bool) {
    self.loss = loss
    kind =
      switch loss {
      case .classes, .distributions: .labels
      case .elements(let loss):
        isClassification ? .labels : loss == .binaryCrossEntropy ? .probabilities : .values
      }
  }

  func sums(_ outputs: Outputs) -> ck_metric_sums {
    var sums = ck_metric_sums()
    switch kind {
    case .labels:
      ck_class_metrics(outputs.values, labels(outputs), outputs.rows, outputs.classes, &sums)
    case .probabilities:
      ck_binary_metrics(outputs.values, outputs.targets, outputs.count, &sums)
    case .values:
      ck_value_metrics(outputs.values, outputs.targets, outputs.count, &sums)
    }
    return sums
  }

  /// The label of each row; where targets are distributions, their largest.
  func labels(_ outputs: Outputs) -> UnsafePointer<Int32> {
    if loss.takesClasses {
      return UnsafeRawPointer(outputs.targets).assumingMemoryBound(to: Int32.self)
    }
    if largest.count < outputs.rows { largest = AlignedBuffer(count: outputs.rows) }
    ck_largest(outputs.targets, largest.pointer, outputs.rows, outputs.classes)
    return UnsafePointer(largest.pointer)
  }

  /// A chunk's `[rows, classes]` outputs and their targets.
  struct Outputs {
    let values: UnsafePointer<Float>
    let targets: UnsafePointer<Float>
    let rows: Int
    let classes: Int
    var count: Int { rows * classes }

    init(of plan: Plan, targets: UnsafePointer<Float>) {
      values = plan.output
      self.targets = targets
      classes = plan.outputShape[plan.outputShape.rank - 1]
      rows = plan.outputShape.count / max(1, classes)
    }
  }
}

extension NodeArena.LeafSums {
  /// 1 − Σ squared / Σ(target − mean)² over chunks, added in chunk order by Chan's formula; nil
  /// where all targets are equal.
  package static func determination(_ chunks: UnsafeBufferPointer<NodeArena.LeafSums>) -> Double? {
    var (count, mean, spread, squared) = (0.0, 0.0, 0.0, 0.0)
    for chunk in chunks where chunk.count > 0 {
      let total = count + chunk.count
      let distance = chunk.mean - mean
      mean += distance * chunk.count / total
      spread += chunk.spread + distance * distance * count * chunk.count / total
      squared += chunk.squared
      count = total
    }
    return spread > 0 ? 1 - squared / spread : nil
  }
}
