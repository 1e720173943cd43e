import Basics

/// Rows of a table with a header line: numeric features and one target column.
///
/// The target is a class where its first value is text or `task` says so, else a number. Class
/// names are sorted: as numbers if they all are numbers, else as text.
struct CSVPart: PartReader {
  let content: Content
  let options: DataOptions

  func describe(like reference: DatasetDescription?) throws -> DatasetDescription {
    let reader = try CSVReader(content)
    let columns = try CSVColumns(reader, options, like: reference)
    var rows = 0
    var collector = reference == nil ? TargetCollector(task: options.task) : nil
    while try nextRow(reader, columns) {
      rows += 1
      if let target = columns.target {
        try collector?.add(reader, field: target, column: columns.names[target])
      }
    }
    guard rows > 0 else {
      throw Failure.badData("\(content.name), line 2: expected rows, found only the header")
    }
    return DatasetDescription(
      name: content.name, featureShape: [columns.features.count],
      featureNames: columns.features.map { columns.names[$0] }, featureType: .float32,
      target: reference?.target ?? collector?.target ?? .values(width: 0),
      targetName: columns.target.map { columns.names[$0] } ?? reference?.targetName ?? "",
      hasTargets: options.requireTarget, rows: [.train: rows],
      sourceBytes: try content.open().byteCount)
  }

  func tasks(_ description: DatasetDescription, _ memory: PartMemory) throws -> [DecodeTask] {
    let task = DecodeTask(
      byteCount: memory.rows * description.featureCount * 4, rows: memory.rows, isSplittable: true
    ) { rows in try decode(description, memory, rows) }
    return [task]
  }

  /// Parses `rows` and leaves out the others; whoever has the last row makes sure it is.
  private func decode(
    _ description: DatasetDescription, _ memory: PartMemory, _ rows: Range<Int>
  ) throws {
    guard !rows.isEmpty else { return }
    let reader = try CSVReader(content)
    let columns = try CSVColumns(reader, options, like: description)
    guard description.featureCount == columns.features.count,
      (columns.target != nil) == description.hasTargets,
      try reader.skip(rows.lowerBound) == rows.lowerBound
    else { throw changed }
    let classes = ClassIndex(description.target)
    let features = memory.features.assumingMemoryBound(to: Float.self)
    var output = features + rows.lowerBound * columns.features.count
    for row in rows {
      guard try nextRow(reader, columns) else { throw changed }
      for column in columns.features {
        output.pointee = try float(reader, column, columns.names[column])
        output += 1
      }
      guard let target = columns.target else { continue }
      if let classes {
        let index = try classes.index(of: reader, field: target, column: columns.names[target])
        memory.targets.storeBytes(of: index, toByteOffset: 4 * row, as: Int32.self)
      } else {
        let value = try float(reader, target, columns.names[target])
        memory.targets.storeBytes(of: value, toByteOffset: 4 * row, as: Float.self)
      }
    }
    if rows.upperBound == memory.rows, try reader.next() { throw changed }
  }

  private func nextRow(_ reader: CSVReader, _ columns: CSVColumns) throws -> Bool {
    guard try reader.next() else { return false }
    guard reader.fieldCount == columns.names.count else {
      throw reader.failure(
        "expected \(columns.names.count) fields as in the header, found \(reader.fieldCount)")
    }
    return true
  }

  private func float(_ reader: CSVReader, _ field: Int, _ column: String) throws -> Float {
    guard let value = reader.number(field), Float(value).isFinite else {
      throw reader.failure(
        "column \(quoted(column)): expected a finite number, found \(quoted(try reader.text(field)))",
        remedy: "Write missing values and categories as numbers, or remove the row or column.")
    }
    return Float(value)
  }

  private var changed: Failure {
    .badData(
      "\(content.name) has changed since it was described",
      remedy: "Start again once nothing writes to it.")
  }
}

/// Learns from a target column whether it holds classes, and which.
private struct TargetCollector {
  private let task: DataTask?
  private var isText: Bool?
  private var names: Set<String> = []

  init(task: DataTask?) { self.task = task }

  /// Throws `Failure.badData` where numbers and text are mixed.
  mutating func add(_ reader: CSVReader, field: Int, column: String) throws {
    let number = reader.number(field)
    if task == nil {
      let wasText = isText ?? (number == nil)
      isText = wasText
      if wasText != (number == nil) {
        throw reader.failure(
          "column \(quoted(column)): expected \(wasText ? "text" : "a number") as in the first "
            + "row, found \(quoted(try reader.text(field)))",
          remedy: "For classes: --task classification.")
      }
    }
    guard task == .classification || isText == true else { return }
    names.insert(try className(reader, field, column))
  }

  var target: TargetDescription {
    guard task == .classification || isText == true else { return .values(width: 1) }
    let numbers = names.compactMap { Array($0.utf8).withUnsafeBufferPointer(parseDecimal) }
    guard numbers.count == names.count else { return .classes(names: names.sorted()) }
    return .classes(names: numbers.sorted().map(\.short))
  }
}

/// Finds the index of a class.
private struct ClassIndex {
  private let names: [String]
  private let indices: [String: Int32]

  /// Nil for targets that are no classes.
  init?(_ target: TargetDescription) {
    guard case .classes(let names) = target else { return nil }
    self.names = names
    let pairs = names.enumerated().map { ($0.element, Int32(clamping: $0.offset)) }
    indices = Dictionary(pairs, uniquingKeysWith: { first, _ in first })
  }

  func index(of reader: CSVReader, field: Int, column: String) throws -> Int32 {
    let name = try className(reader, field, column)
    guard let index = indices[name] else {
      throw reader.failure(
        "column \(quoted(column)): expected one of \(TargetDescription.classes(names: names).summary)"
          + ", found \(quoted(name))")
    }
    return index
  }
}

/// The name of a class: numbers in one spelling, so that `1` and `1.0` are the same.
private func className(_ reader: CSVReader, _ field: Int, _ column: String) throws -> String {
  if let number = reader.number(field), number.isFinite { return number.short }
  let text = try reader.text(field)
  guard !text.isEmpty else {
    throw reader.failure("column \(quoted(column)): expected a class, found nothing")
  }
  return text
}
