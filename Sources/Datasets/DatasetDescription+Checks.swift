import Basics

extension DatasetDescription {
  /// Itself, once it is known that there are rows and that sizes and offsets fit 63 bits.
  ///
  /// - Throws: `Failure.badData`.
  func checked() throws -> DatasetDescription {
    // Half the range for three parts and their padding.
    let total = rows.values.reduce(0 as Int?) { sum, rows in
      guard let sum, rows >= 0,
        let features = Shape.checkedCount(featureShape + [rows, featureType.byteCount]),
        let targets = Shape.checkedCount([rows, target.byteCount]),
        max(features, targets) < Int.max / 16
      else { return nil }
      return sum + features + targets
    }
    guard let total else {
      throw Failure.badData(
        "\(name): \(rows.values.max() ?? 0) rows of features \(Shape(featureShape)) are too many")
    }
    guard total > 0, featureCount > 0 else {
      throw Failure.badData("\(name): expected rows with features, found none")
    }
    return self
  }

  /// Makes sure a model that knows `other` can take this data.
  ///
  /// - Throws: `Failure.badData` naming both sides where shapes, types or classes differ.
  func requireMatch(_ other: DatasetDescription) throws {
    func require(_ same: Bool, _ what: String, _ own: String, _ others: String) throws {
      guard !same else { return }
      throw Failure.badData(
        "\(name): \(what) \(own), but \(other.name) has \(others)",
        remedy: "Both must be prepared in the same way.")
    }
    try require(
      featureShape == other.featureShape, "features have shape", "\(Shape(featureShape))",
      "\(Shape(other.featureShape))")
    try require(
      featureType == other.featureType && divisor == other.divisor, "features are",
      "\(featureType.rawValue) divided by \(divisor)",
      "\(other.featureType.rawValue) divided by \(other.divisor)")
    try require(
      text.map { [$0.tokenizer.rawValue, "\($0.isMasked)"] }
        == other.text.map { [$0.tokenizer.rawValue, "\($0.isMasked)"] },
      "samples are", sampleKind, other.sampleKind)
    if hasTargets {
      try require(target == other.target, "the target is", target.summary, other.target.summary)
    }
  }
}

extension DatasetDescription {
  /// What is not as it was in data that may lie elsewhere now; nil where it is the same. Data that
  /// was read without its targets is compared without them.
  package func change(since before: DatasetDescription) -> String? {
    var expected = before
    expected.name = name
    if !hasTargets {
      expected.hasTargets = false
      (expected.target, expected.targetName) = (target, targetName)
      expected.sourceBytes = sourceBytes
    }
    if self == expected { return nil }
    var figures = DatasetPart.allCases.map {
      ("\($0.rawValue) rows", expected.rows[$0] ?? 0, rows[$0] ?? 0)
    }
    figures.append(("bytes", expected.sourceBytes, sourceBytes))
    let changes = figures.filter { $1 != $2 }.map { "\($0) \($1) → \($2)" }
    return changes.isEmpty ? "its columns, classes or types" : changes.joined(separator: ", ")
  }

  /// Makes sure this is the data that a run was started on, wherever it lies now.
  ///
  /// - Throws: `Failure.badData`.
  package func requireUnchanged(since before: DatasetDescription, remedy: String) throws {
    guard let change = change(since: before) else { return }
    throw Failure.badData(
      "\(name): the data has changed since this run was started: \(change)", remedy: remedy)
  }
}

extension DatasetDescription {
  /// For messages: `rows`, or `masked text by char`.
  private var sampleKind: String {
    text.map { "\($0.isMasked ? "masked " : "")text by \($0.tokenizer.rawValue)" } ?? "rows"
  }
}

extension TargetDescription {
  /// For messages: `3 classes (a, b, c)` or `2 values`.
  var summary: String {
    switch self {
    case .classes(let names):
      let listed = names.prefix(10).joined(separator: ", ") + (names.count > 10 ? ", …" : "")
      return "\(names.count) classes (\(listed))"
    case .values(let width):
      return width == 1 ? "one value" : "\(width) values"
    }
  }
}
