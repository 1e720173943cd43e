import Basics

/// The file formats that hold one array of numbers.
enum ArrayFormat: Sendable {
  /// Yann LeCun's format of MNIST: big-endian, at most 255 axes.
  case idx
  /// NumPy's `.npy`, versions 1.0 to 3.0.
  case npy
}

/// How an array lies in its file.
struct ArrayHeader: Sendable, Equatable {
  var type: ElementType
  var isBigEndian: Bool
  /// First axis fastest (Fortran) instead of last axis fastest (C).
  var isFortran = false
  /// `[rows, …]`
  var shape: [Int]
  /// Byte of the first element.
  var dataOffset: Int

  var rows: Int { shape[0] }
  /// Elements of one row.
  var rowCount: Int { Shape(Array(shape.dropFirst())).count }

  /// Reads and checks a header against the size of the data.
  ///
  /// - Throws: `Failure.badData` with the byte offset.
  init(_ content: Content, _ format: ArrayFormat) throws {
    let stream = try ByteStream(content)
    switch format {
    case .idx: try self.init(idx: stream)
    case .npy: try self.init(npy: stream)
    }
    let name = content.name
    guard let count = Shape.checkedCount(shape + [type.byteCount]),
      let total = Shape.checkedCount(shape.map { max($0, 1) } + [type.byteCount]),
      total < Int.max / 16, stream.canHold(count)
    else {
      throw Failure.badData(
        "\(name): the header declares \(Shape(shape)), more than the file can hold",
        remedy: "The file is truncated or damaged: fetch it again.")
    }
    guard count > 0 else {
      throw Failure.badData("\(name): expected rows, found an array of shape \(Shape(shape))")
    }
    let end = dataOffset + count
    guard content.isCompressed || stream.storedBytes == end else {
      let longer = stream.storedBytes > end
      throw Failure.badData(
        "\(name), byte \(min(end, stream.storedBytes)): expected \(end) bytes for "
          + "\(Shape(shape)), found \(stream.storedBytes)",
        remedy: longer ? "There is something after the array." : "The file is truncated.")
    }
  }

  /// Four bytes 00 00 type axes, then one big-endian 32-bit extent an axis.
  private init(idx stream: ByteStream) throws {
    let magic = try stream.readBytes(4)
    let types: [UInt8: ElementType] = [
      0x08: .uint8, 0x09: .int8, 0x0B: .int16, 0x0C: .int32, 0x0D: .float32, 0x0E: .float64,
    ]
    guard magic[0] == 0, magic[1] == 0, let type = types[magic[2]], (1...4).contains(magic[3])
    else {
      throw Failure.badData(
        "\(stream.name), byte 0: expected 00 00, a type 08…0e and 1 to 4 axes, found \(hex(magic))",
        remedy: "Is this an IDX file?")
    }
    let axes = Int(magic[3])
    let extents = try stream.readBytes(4 * axes)
    self.type = type
    isBigEndian = true
    shape = (0..<axes).map { axis in
      extents[4 * axis..<4 * axis + 4].reduce(0) { $0 << 8 | Int($1) }
    }
    dataOffset = 4 + 4 * axes
  }

  /// `\u{93}NUMPY`, version, length, then a Python dictionary that is parsed and never evaluated.
  private init(npy stream: ByteStream) throws {
    let name = stream.name
    let magic = try stream.readBytes(8)
    guard magic.prefix(6).elementsEqual([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]) else {
      throw Failure.badData("\(name), byte 0: expected 93 NUMPY, found \(hex(magic.prefix(6)))")
    }
    guard (1...3).contains(magic[6]), magic[7] == 0 else {
      throw Failure.badData(
        "\(name), byte 6: expected version 1.0, 2.0 or 3.0, found \(magic[6]).\(magic[7])")
    }
    let digits = magic[6] == 1 ? 2 : 4
    let length = try stream.readBytes(digits).reversed().reduce(0) { $0 << 8 | Int($1) }
    dataOffset = 8 + digits + length
    guard length <= 1 << 20, dataOffset <= stream.storedBytes else {
      throw Failure.badData(
        "\(name), byte 8: expected the length of a header, found \(length) in a file of "
          + "\(stream.storedBytes) bytes")
    }
    var literal = NPYLiteral(name: name, offset: 8 + digits, try stream.readBytes(length))
    let fields = try literal.fields()
    (type, isBigEndian) = (fields.type, fields.isBigEndian)
    (isFortran, shape) = (fields.isFortran, fields.shape)
    if shape.isEmpty {
      throw Failure.badData("\(name): expected an array of rows, found shape (), a single number")
    }
  }
}

extension ByteStream {
  /// Reads a few bytes of a header or throws `Failure.badData`.
  fileprivate func readBytes(_ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    try bytes.withUnsafeMutableBytes { try readAll($0) }
    return bytes
  }
}
