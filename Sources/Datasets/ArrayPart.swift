import Basics

/// Rows from two array files: features `[rows, …]` and targets `[rows]` or `[rows, width]`.
struct ArrayPart: PartReader {
  let features: ArrayFile
  /// Nil where nothing is to be compared with.
  let targets: ArrayFile?
  /// The names of the classes where the data set is known.
  let classNames: [String]?
  let task: DataTask?

  /// Classes beyond this are taken for a mistake: identifiers, or values to regress.
  static let maximumClasses = 65_536

  func describe(like reference: DatasetDescription?) throws -> DatasetDescription {
    let header = try features.header()
    if features.format == .idx && header.shape.count < 2 {
      throw Failure.badData(
        "\(features.content.name): expected images of 2 or more dimensions, found "
          + "\(header.shape.count): these look like labels",
        remedy: "Check whether the image and label files were exchanged.")
    }
    var description = DatasetDescription(
      name: features.content.name, featureShape: rowShape(header),
      featureType: header.type == .uint8 ? .uint8 : .float32,
      target: reference?.target ?? .values(width: 0), targetName: "y", hasTargets: targets != nil,
      rows: [.train: header.rows], sourceBytes: try features.content.open().byteCount)
    // Bytes in planes are pixels.
    if header.type == .uint8, (3...4).contains(header.shape.count) { description.divisor = 255 }
    guard let targets else { return description }
    let targetHeader = try targets.header()
    guard targetHeader.rows == header.rows else {
      throw Failure.badData(
        "\(features.content.name) holds \(header.rows) rows, but \(targets.content.name) holds "
          + "\(targetHeader.rows)", remedy: "Rows must correspond one to one.")
    }
    description.sourceBytes += try targets.content.open().byteCount
    description.target = try target(targets, targetHeader, like: reference)
    if case .classes = description.target { description.targetName = "class" }
    return description
  }

  func tasks(_ description: DatasetDescription, _ memory: PartMemory) throws -> [DecodeTask] {
    let header = try features.header()
    let type: FeatureType = header.type == .uint8 ? .uint8 : .float32
    guard header.rows == memory.rows, rowShape(header) == description.featureShape,
      type == description.featureType
    else { throw changed(features, header) }
    let featureTask = DecodeTask(
      byteCount: memory.rows * header.rowCount * type.byteCount, rows: memory.rows,
      isSplittable: !features.content.isCompressed
    ) { rows in try decodeFeatures(header, rows, to: memory.features) }
    guard description.hasTargets, let targets else { return [featureTask] }
    let targetHeader = try targets.header()
    guard targetHeader.rows == memory.rows, targetHeader.rowCount == description.target.width else {
      throw changed(targets, targetHeader)
    }
    let targetTask = DecodeTask(
      byteCount: memory.rows * description.target.byteCount, rows: memory.rows,
      isSplittable: !targets.content.isCompressed
    ) { rows in
      try decodeTargets(targets, targetHeader, description.target, rows, to: memory.targets)
    }
    return [featureTask, targetTask]
  }

  /// Shape of one row. Planes of an IDX file become one channel: `[1, height, width]`.
  private func rowShape(_ header: ArrayHeader) -> [Int] {
    let shape = Array(header.shape.dropFirst())
    if shape.isEmpty { return [1] }
    return features.format == .idx && shape.count == 2 ? [1] + shape : shape
  }

  private func decodeFeatures(
    _ header: ArrayHeader, _ rows: Range<Int>, to memory: UnsafeMutableRawPointer
  ) throws {
    let width = header.rowCount
    let isBytes = header.type == .uint8
    if isBytes, !header.isFortran {
      return try features.copyBytes(header, rows: rows, to: memory + rows.lowerBound * width)
    }
    try features.read(header, rows: rows) { first, values in
      for (index, value) in values.enumerated() {
        let element = first * width + index
        if isBytes {
          memory.storeBytes(of: UInt8(value), toByteOffset: element, as: UInt8.self)
        } else {
          let float = try finite(value, features, row: first + index / width)
          memory.storeBytes(of: float, toByteOffset: 4 * element, as: Float.self)
        }
      }
    }
  }

  private func decodeTargets(
    _ file: ArrayFile, _ header: ArrayHeader, _ target: TargetDescription, _ rows: Range<Int>,
    to memory: UnsafeMutableRawPointer
  ) throws {
    let width = header.rowCount
    try file.read(header, rows: rows) { first, values in
      for (index, value) in values.enumerated() {
        let element = first * width + index
        switch target {
        case .classes(let names):
          let label = try self.label(value, file, row: element, below: names.count)
          memory.storeBytes(of: Int32(label), toByteOffset: 4 * element, as: Int32.self)
        case .values:
          let float = try finite(value, file, row: first + index / width)
          memory.storeBytes(of: float, toByteOffset: 4 * element, as: Float.self)
        }
      }
    }
  }

  /// What the targets are: classes for whole numbers in one column, values otherwise.
  private func target(
    _ file: ArrayFile, _ header: ArrayHeader, like reference: DatasetDescription?
  ) throws -> TargetDescription {
    let width = header.rowCount
    let isClasses =
      switch reference?.target {
      case .classes: true
      case .values: false
      case nil: task.map { $0 == .classification } ?? (header.type.isInteger && width == 1)
      }
    guard isClasses else { return .values(width: width) }
    guard width == 1 else {
      throw Failure.badData(
        "\(file.content.name): expected one class a row, found shape \(Shape(header.shape))",
        remedy: "For values to predict: --task regression.")
    }
    if let reference { return reference.target }
    if let classNames { return .classes(names: classNames) }
    return .classes(names: try countClasses(file, header).map(String.init))
  }

  /// The classes 0 … the largest label.
  ///
  /// - Throws: `Failure.badData` where fewer than half of them occur: one wild label, or numbers
  ///   that are no classes.
  private func countClasses(_ file: ArrayFile, _ header: ArrayHeader) throws -> Range<Int> {
    var seen: Set<Int> = []
    var largest = (label: -1, row: 0)
    try file.read(header, rows: 0..<header.rows) { first, values in
      for (index, value) in values.enumerated() {
        let label = try self.label(value, file, row: first + index, below: Self.maximumClasses)
        seen.insert(label)
        if label > largest.label { largest = (label, first + index) }
      }
    }
    let count = largest.label + 1
    guard 2 * seen.count >= count else {
      throw Failure.badData(
        "\(file.content.name), index \(largest.row): expected classes 0…k without big gaps, found "
          + "\(largest.label) where only \(seen.count) different classes occur",
        remedy: "Number the classes from 0.")
    }
    return 0..<count
  }

  private func label(
    _ value: Double, _ file: ArrayFile, row: Int, below count: Int
  ) throws -> Int {
    guard let label = Int(exactly: value), label >= 0, label < count else {
      throw Failure.badData(
        "\(file.content.name), index \(row): expected a class 0…\(count - 1), found \(value.short)",
        remedy: "For values to predict: --task regression.")
    }
    return label
  }

  private func finite(_ value: Double, _ file: ArrayFile, row: Int) throws -> Float {
    let float = Float(value)
    guard float.isFinite else {
      throw Failure.badData(
        "\(file.content.name), row \(row): expected a finite float32, found \(value.short)",
        remedy: "Remove or replace such rows.")
    }
    return float
  }

  private func changed(_ file: ArrayFile, _ header: ArrayHeader) -> Failure {
    .badData(
      "\(file.content.name) has changed since it was described: found shape \(Shape(header.shape))",
      remedy: "Start again once nothing writes to it.")
  }
}

extension TargetDescription {
  /// Numbers a row holds.
  var width: Int {
    switch self {
    case .classes: 1
    case .values(let width): width
    }
  }
}

extension Double {
  /// For messages: `3` and not `3.0`.
  var short: String { Int(exactly: self).map { "\($0)" } ?? "\(self)" }
}
