import Basics

/// Which columns of a table are features, in which order, and which one is the target.
struct CSVColumns {
  /// All names, in the order of the file.
  let names: [String]
  let features: [Int]
  /// Nil where targets are not read.
  let target: Int?

  /// Reads the header line.
  ///
  /// Columns of a table for a trained model are found by name, so their order is free.
  ///
  /// - Throws: `Failure.usage` without a known target, `Failure.badData` otherwise.
  init(_ reader: CSVReader, _ options: DataOptions, like reference: DatasetDescription?) throws {
    guard try reader.next() else {
      throw Failure.badData("\(reader.name): expected a line of column names, found nothing")
    }
    let isNumbers = (0..<reader.fieldCount).allSatisfy { reader.number($0) != nil }
    let names = try (0..<reader.fieldCount).map(reader.text)
    self.names = names
    if isNumbers {
      throw reader.failure("expected column names, found numbers", remedy: "Add a header line.")
    }
    var seen: Set<String> = []
    if let (index, name) = names.enumerated().first(where: { !seen.insert($0.element).inserted }) {
      throw reader.failure("column \(index + 1): \(quoted(name)) is there twice")
    }
    if names.count == 1, options.requireTarget {
      throw reader.failure(
        "expected columns separated by commas, found \(quoted(names[0])) alone")
    }

    let wanted = options.target ?? reference?.targetName
    let column = wanted.flatMap { wanted in
      names.firstIndex(of: wanted)
        ?? Int(wanted).flatMap { names.indices.contains($0) ? $0 : nil }
    }
    let listed = names.prefix(20).joined(separator: ", ") + (names.count > 20 ? ", …" : "")
    if column == nil, options.requireTarget {
      throw Failure.usage(
        "\(reader.name): "
          + (wanted.map { "no column is called \(quoted($0))" } ?? "the target is not given"),
        remedy: "Choose with --target: \(listed)")
    }
    target = options.requireTarget ? column : nil
    let others = names.indices.filter { $0 != column }
    guard let reference, !reference.featureNames.isEmpty else {
      features = others
      return
    }
    let found = Dictionary(others.map { (names[$0], $0) }, uniquingKeysWith: { first, _ in first })
    features = reference.featureNames.compactMap { found[$0] }
    guard features.count == others.count, features.count == reference.featureNames.count else {
      let known = Set(reference.featureNames)
      let missing = reference.featureNames.filter { found[$0] == nil }.prefix(10)
      let extra = others.map { names[$0] }.filter { !known.contains($0) }.prefix(10)
      throw reader.failure(
        "expected the \(reference.featureNames.count) features of \(reference.name); missing: "
          + "\(missing.joined(separator: ", ")); unknown: \(extra.joined(separator: ", "))")
    }
  }
}
