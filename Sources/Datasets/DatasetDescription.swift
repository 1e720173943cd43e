import Basics

/// How features are kept in memory: bytes stay bytes, tokens are numbered in 16 bits, every other
/// number becomes a float.
package enum FeatureType: String, Codable, Sendable {
  case uint8
  case float32
  case token

  /// Bytes of one feature.
  package var byteCount: Int {
    switch self {
    case .uint8: 1
    case .token: 2
    case .float32: 4
    }
  }
}

/// The parts a data set may have: rows to learn from, to choose by, and to judge with at the end.
package enum DatasetPart: String, Codable, CodingKeyRepresentable, CaseIterable, Sendable {
  case train
  case validation
  case test
}

/// What a model is to predict.
package enum TargetDescription: Codable, Equatable, Sendable {
  /// One of these classes, kept as its `Int32` index.
  case classes(names: [String])
  /// `width` numbers, kept as floats.
  case values(width: Int)

  /// Bytes of one row's target: 4 for a class, 4·width for values.
  package var byteCount: Int {
    switch self {
    case .classes: 4
    case .values(let width): 4 * width
    }
  }
}

/// What a data set holds and where each part lies in the memory it is decoded into.
package struct DatasetDescription: Codable, Equatable, Sendable {
  /// The name or path it was asked for by.
  package var name: String
  /// Shape of one row's features: `[columns]` or `[channels, height, width]`.
  package var featureShape: [Int]
  /// One name a feature; empty where the format has none.
  package var featureNames: [String] = []
  package var featureType: FeatureType
  /// Features are divided by this on their way to the model: 255 for pixels, else 1.
  package var divisor: Float = 1
  package var target: TargetDescription
  /// The target's name: a column, `class` or `y`.
  package var targetName: String
  /// Whether rows carry targets; data to predict may not.
  package var hasTargets = true
  /// Rows of each part; absent parts have none.
  package var rows: [DatasetPart: Int]
  /// Bytes of all files read, so that hosts with different copies notice.
  package var sourceBytes: Int
  /// Where samples are windows of a text.
  package var text: TextDescription?

  /// Features of one row.
  package var featureCount: Int { Shape(featureShape).count }

  /// Where one part lies: byte offsets, each of a page.
  package struct Section: Equatable, Sendable {
    package var rows: Int
    /// `[rows, featureCount]` of `featureType`.
    package var features: Int
    /// `[rows]` of `Int32` or `[rows, width]` of `Float`; empty without targets.
    package var targets: Int
  }

  /// The section of one part. Sections follow each other in the order of `DatasetPart`.
  package func section(_ part: DatasetPart) -> Section { layout().sections[part.order] }

  /// Bytes of memory that hold all parts.
  package var byteCount: Int { layout().end }

  private func layout() -> (sections: [Section], end: Int) {
    var end = 0
    func take(_ bytes: Int) -> Int {
      defer { end += bytes.roundedUp(to: pageBytes) }
      return end
    }
    let sections = DatasetPart.allCases.map { part in
      let rows = rows[part] ?? 0
      if let text {
        // Windows overlap in one stream of tokens, which are the targets too.
        let tokens = take((text.tokens[part] ?? 0) * featureType.byteCount)
        return Section(rows: rows, features: tokens, targets: tokens)
      }
      let features = take(rows * featureCount * featureType.byteCount)
      return Section(
        rows: rows, features: features, targets: take(hasTargets ? rows * target.byteCount : 0))
    }
    return (sections, end)
  }
}

extension DatasetPart {
  /// The position in the memory layout.
  package var order: Int {
    switch self {
    case .train: 0
    case .validation: 1
    case .test: 2
    }
  }
}
