import Basics

/// Reads the dictionary of an NPY header: three fixed keys, nothing else, nothing evaluated.
///
/// Source: NumPy Enhancement Proposal 1, "A Simple File Format for NumPy Arrays".
struct NPYLiteral {
  struct Fields {
    var type = ElementType.float32
    var isBigEndian = false
    var isFortran = false
    var shape: [Int] = []
  }

  private let name: String
  private let offset: Int
  private let bytes: [UInt8]
  private var position = 0

  /// - Parameter offset: where `bytes` begin in the file, for messages.
  init(name: String, offset: Int, _ bytes: [UInt8]) {
    self.name = name
    self.offset = offset
    self.bytes = bytes
  }

  /// The three fields, each there once. Throws `Failure.badData` with the byte offset.
  mutating func fields() throws -> Fields {
    var fields = Fields()
    var missing: Set = ["descr", "fortran_order", "shape"]
    try expect("{")
    while !take("}") {
      let key = try string()
      guard missing.remove(key) != nil else {
        throw unexpected("one each of descr, fortran_order, shape", found: quoted(key))
      }
      try expect(":")
      switch key {
      case "descr": (fields.type, fields.isBigEndian) = try elementType()
      case "fortran_order": fields.isFortran = try boolean()
      default: fields.shape = try tuple()
      }
      if !take(",") {
        try expect("}")
        break
      }
    }
    skipSpace()
    guard missing.isEmpty else { throw unexpected(missing.sorted().joined(separator: ", ")) }
    guard position == bytes.count else { throw unexpected("only spaces after the dictionary") }
    return fields
  }

  private mutating func elementType() throws -> (ElementType, isBigEndian: Bool) {
    let types: [Substring: ElementType] = [
      "b1": .bool, "u1": .uint8, "u2": .uint16, "u4": .uint32, "u8": .uint64, "i1": .int8,
      "i2": .int16, "i4": .int32, "i8": .int64, "f2": .float16, "f4": .float32, "f8": .float64,
    ]
    let code = try string()
    guard let order = code.first, "<>=|".contains(order), let type = types[code.dropFirst()],
      order != "|" || type.byteCount == 1
    else {
      throw unexpected(
        "a descr of numbers such as '<f4', '>i8' or '|u1'", found: "'\(code)'",
        remedy: "Save it with x.astype('float32').")
    }
    return (type, order == ">")
  }

  private mutating func boolean() throws -> Bool {
    if take("True") { return true }
    if take("False") { return false }
    throw unexpected("True or False")
  }

  private mutating func tuple() throws -> [Int] {
    var extents: [Int] = []
    try expect("(")
    while !take(")") {
      skipSpace()
      let digits = bytes[position...].prefix { (0x30...0x39).contains($0) }
      guard let extent = Int(String(decoding: digits, as: UTF8.self)), extents.count < 32 else {
        throw unexpected("a shape of at most 32 numbers below 2^63")
      }
      position += digits.count
      extents.append(extent)
      if !take(",") {
        try expect(")")
        break
      }
    }
    return extents
  }

  private mutating func string() throws -> String {
    skipSpace()
    guard position < bytes.count, bytes[position] == 0x27 || bytes[position] == 0x22,
      let end = bytes[(position + 1)...].firstIndex(of: bytes[position])
    else { throw unexpected("a string") }
    defer { position = end + 1 }
    return String(decoding: bytes[position + 1..<end], as: UTF8.self)
  }

  private mutating func expect(_ token: String) throws {
    guard take(token) else { throw unexpected("'\(token)'") }
  }

  private mutating func take(_ token: String) -> Bool {
    skipSpace()
    guard bytes[position...].starts(with: token.utf8) else { return false }
    position += token.utf8.count
    return true
  }

  private mutating func skipSpace() {
    while position < bytes.count, [0x20, 0x0A, 0x09].contains(bytes[position]) { position += 1 }
  }

  private func unexpected(_ what: String, found: String? = nil, remedy: String = "") -> Failure {
    let rest = String(decoding: bytes[position...].prefix(20), as: UTF8.self)
    return .badData(
      "\(name), byte \(offset + position): expected \(what), found \(found ?? quoted(rest))",
      remedy: remedy)
  }
}
