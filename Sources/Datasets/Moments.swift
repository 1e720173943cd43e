import Basics

/// Count, mean and sum of squared deviations of each feature over some rows.
package struct Moments: Equatable, Sendable {
  /// Rows of one chunk. Fixed, so that results do not depend on who computes which chunk.
  package static let chunkRows = 1024

  package private(set) var count: Double
  /// `[features]`
  package private(set) var mean: [Double]
  /// Σ(x − mean)², `[features]`
  package private(set) var m2: [Double]

  /// Chunks that cover `split`'s training rows.
  package static func chunkCount(_ split: DataSplit) -> Int {
    (split.trainCount + chunkRows - 1) / chunkRows
  }

  /// Moments of training positions chunk·1024 ..< (chunk + 1)·1024, before standardization.
  package init(of dataset: Dataset, _ split: DataSplit, chunk: Int) {
    let width = dataset.featureCount
    let start = chunk * Moments.chunkRows
    let positions = start..<min(start + Moments.chunkRows, split.trainCount)
    precondition(!positions.isEmpty, "chunk outside the training rows")
    let row = AlignedBuffer<Float>(count: width)
    func eachRow(_ body: () -> Void) {
      for position in positions {
        dataset.copyFeatures(row: split.trainRow(at: position), part: .train, to: row.pointer)
        body()
      }
    }
    var sums = [Double](repeating: 0, count: width)
    var squares = sums
    let values = row.pointer
    eachRow { for feature in 0..<width { sums[feature] += Double(values[feature]) } }
    let total = Double(positions.count)
    let mean = sums.map { $0 / total }
    eachRow {
      for feature in 0..<width {
        let distance = Double(values[feature]) - mean[feature]
        squares[feature] += distance * distance
      }
    }
    (count, self.mean, m2) = (total, mean, squares)
  }

  /// What `flattened` holds: count, means, m2s.
  package init(flattened values: some Collection<Double>) {
    precondition(values.count % 2 == 1, "one count and two numbers a feature")
    let features = values.count / 2
    count = values.first ?? 0
    mean = Array(values.dropFirst().prefix(features))
    m2 = Array(values.dropFirst(1 + features))
  }

  /// `[1 + 2·features]` numbers to send to other ranks.
  package var flattened: [Double] { [count] + mean + m2 }

  /// The moments of both sets of rows together.
  ///
  /// Source: Chan, Golub, LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing
  /// Sample Variances", 1979.
  package func merged(with other: Moments) -> Moments {
    precondition(mean.count == other.mean.count, "moments of the same features")
    var result = self
    result.count = count + other.count
    for feature in mean.indices {
      let delta = other.mean[feature] - mean[feature]
      result.mean[feature] = mean[feature] + delta * (other.count / result.count)
      result.m2[feature] =
        m2[feature] + other.m2[feature] + delta * delta * (count * other.count / result.count)
    }
    return result
  }

  /// Merges chunks in their order: pairs, then pairs of pairs; an odd last one moves up.
  package static func combined(_ chunks: [Moments]) -> Moments {
    precondition(!chunks.isEmpty, "moments of at least one chunk")
    var level = chunks
    while level.count > 1 {
      level = stride(from: 0, to: level.count, by: 2).map { left in
        left + 1 < level.count ? level[left].merged(with: level[left + 1]) : level[left]
      }
    }
    return level[0]
  }
}
