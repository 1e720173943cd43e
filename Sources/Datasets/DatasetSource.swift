import Basics

/// Where rows come from: a format, a set of files or a generator.
package protocol DatasetSource: Sendable {
  /// Reads headers, labels and tables as far as needed to know shapes, classes and row counts.
  ///
  /// One process a node calls it. Throws `Failure.badData`.
  func describe() throws -> DatasetDescription

  /// Fills share `index` of `count` of the memory laid out by `description`.
  ///
  /// Called once for every index, by as many processes as like; their regions are disjoint and
  /// the bytes do not depend on `count`. Throws `Failure.badData`, also where a file has changed
  /// since it was described.
  func decode(
    _ description: DatasetDescription, part index: Int, of count: Int,
    into base: UnsafeMutableRawPointer) throws
}

/// One part's memory: `features` is `[rows, featureCount]`, `targets` `[rows]` or `[rows, width]`.
struct PartMemory {
  let rows: Int
  let features: UnsafeMutableRawPointer
  let targets: UnsafeMutableRawPointer
}

/// Work that fills some rows of a part.
struct DecodeTask {
  /// Decoded size, by which tasks are dealt out.
  let byteCount: Int
  let rows: Int
  /// Whether any row range can be decoded alone; a gzip stream has to be read from its start.
  let isSplittable: Bool
  let run: (Range<Int>) throws -> Void
}

/// Reads one part from one file or a pair.
protocol PartReader: Sendable {
  /// Describes the rows as if they were the `train` part.
  ///
  /// - Parameter reference: what a model or the training part already fixed: classes, columns.
  func describe(like reference: DatasetDescription?) throws -> DatasetDescription

  /// The work of decoding into `memory`; throws where the file no longer fits `description`.
  func tasks(_ description: DatasetDescription, _ memory: PartMemory) throws -> [DecodeTask]
}

/// A data set put together of one reader a part.
struct PartedSource: DatasetSource {
  let name: String
  let readers: [DatasetPart: any PartReader]
  let expected: DatasetDescription?

  func describe() throws -> DatasetDescription {
    var whole: DatasetDescription?
    for part in DatasetPart.allCases {
      guard let reader = readers[part] else { continue }
      let reference = whole ?? expected
      let own = try reader.describe(like: reference)
      if let reference { try own.requireMatch(reference) }
      var merged = whole ?? own
      merged.rows[part] = own.rows[.train]
      merged.text?.tokens[part] = own.text?.tokens[.train]
      if whole == nil {
        merged.name = name
        if part != .train {
          merged.rows[.train] = nil
          merged.text?.tokens[.train] = nil
        }
      } else {
        merged.sourceBytes += own.sourceBytes
      }
      whole = merged
    }
    guard let whole else { throw Failure.usage("\(name): there is nothing to read") }
    return try whole.checked()
  }

  func decode(
    _ description: DatasetDescription, part index: Int, of count: Int,
    into base: UnsafeMutableRawPointer
  ) throws {
    precondition(index >= 0 && index < count, "a share is one of count")
    let tasks = try DatasetPart.allCases.flatMap { part in
      let section = description.section(part)
      let memory = PartMemory(
        rows: section.rows, features: base + section.features, targets: base + section.targets)
      return try readers[part]?.tasks(description, memory) ?? []
    }
    for task in tasks where task.isSplittable {
      try task.run(evenShare(task.rows, rank: index, of: count))
    }
    // Whole streams: the biggest first, each to whoever has least. Sizes come from the
    // description, so every process deals the same way.
    var loads = [Int](repeating: 0, count: count)
    for task in tasks.filter({ !$0.isSplittable }).sorted(by: { $0.byteCount > $1.byteCount }) {
      let owner = loads.indices.min { loads[$0] < loads[$1] } ?? 0
      loads[owner] += task.byteCount
      if owner == index { try task.run(0..<task.rows) }
    }
  }
}
