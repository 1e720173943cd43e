import Basics
import TestSupport
import Testing
import Training

@Suite struct SafetensorsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let shapes: [(String, [Int])] = [
    ("0.weight", [3, 2]), ("0.bias", [3]), ("a \"b\"\\ü\n", [1]), ("empty", [0, 4]), ("scalar", []),
  ]

  /// The bytes of a file with one tensor of each shape.
  private static func file() -> (bytes: [UInt8], values: [[Float]]) {
    let values = shapes.enumerated().map { index, shape in
      randomValues(shape.1.reduce(1, *), stream: UInt64(index))
    }
    let buffers = values.map { values in
      let buffer = AlignedBuffer<Float>(count: values.count)
      buffer.pointer.update(from: values, count: values.count)
      return buffer
    }
    let entries = zip(shapes, buffers).map {
      Safetensors.Entry(name: $0.0, shape: $0.1, data: UnsafePointer($1.pointer))
    }
    var bytes: [UInt8] = []
    withExtendedLifetime(buffers) { Safetensors.write(entries) { bytes += $0 } }
    return (bytes, values)
  }

  private func read(_ bytes: [UInt8]) throws -> SafetensorsFile {
    try SafetensorsFile(path: folder.write("x.safetensors", bytes))
  }

  private static func file(header: String, data: Int = 0, length: UInt64? = nil) -> [UInt8] {
    let length = length ?? UInt64(header.utf8.count)
    return withUnsafeBytes(of: length.littleEndian) { Array($0) } + Array(header.utf8)
      + [UInt8](repeating: 0, count: data)
  }

  @Test func roundTrip() throws {
    let (bytes, values) = Self.file()
    let file = try read(bytes)
    #expect(Set(file.tensors.map(\.name)) == Set(Self.shapes.map(\.0)))
    for ((name, shape), expected) in zip(Self.shapes, values) {
      #expect(sameBits(try file.floats(name, shape: shape), expected))
    }
    #expect(failure { _ = try file.floats("1.weight", shape: [3]) }?.kind == .badData)
    let transposed = failure { _ = try file.floats("0.weight", shape: [2, 3]) }
    #expect(transposed?.message.contains("F32 [3, 2], expected F32 [2, 3]") == true)
  }

  /// What the Python package reads: the header in order, padded so that data starts at 8·n.
  @Test func headerIsTheFormats() {
    let value = [Float](repeating: 0, count: 6)
    let header = value.withUnsafeBufferPointer { pointer in
      pointer.baseAddress.map {
        Safetensors.header([
          .init(name: "w", shape: [2, 2], data: $0), .init(name: "b", shape: [2], data: $0),
        ])
      } ?? []
    }
    let text =
      #"{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,2],"#
      + #""data_offsets":[0,16]},"b":{"dtype":"F32","shape":[2],"data_offsets":[16,24]}}"#
    #expect(header.count % 8 == 0 && header.count < 8 + text.utf8.count + 8)
    #expect(String(decoding: header.dropFirst(8).prefix(text.utf8.count), as: UTF8.self) == text)
    #expect(Int(header[0]) + 256 * Int(header[1]) == header.count - 8)
  }

  @Test func truncatedAnywhere() {
    let bytes = Self.file().bytes
    for cut in 0..<50 {
      let length = bytes.count * cut / 50
      let failure = failure { _ = try read(Array(bytes.prefix(length))) }
      #expect(failure?.kind == .badData && failure?.message.contains("x.safetensors") == true)
    }
    #expect(failure { _ = try read(bytes + [0]) }?.kind == .badData)
  }

  /// A changed byte is refused or harmless, never a crash or another shape.
  @Test(arguments: 0..<200) func changedHeader(_ seed: UInt64) throws {
    var bytes = Self.file().bytes
    let header = 8 + bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let random = Philox(seed: seed, purpose: .test)
    bytes[Int(random.bits(0)) % header] = UInt8(truncatingIfNeeded: random.bits(1))
    do {
      let file = try read(bytes)
      for (name, shape) in Self.shapes where file.tensors.contains(where: { $0.name == name }) {
        #expect(try file.floats(name, shape: shape).count == shape.reduce(1, *))
      }
    } catch let failure as Failure {
      #expect(failure.kind == .badData)
    }
  }

  static let one = #""dtype":"F32","shape":[1],"data_offsets""#
  static let millionDimensions =
    "{\"a\":{\"dtype\":\"F32\",\"shape\":[" + String(repeating: "2,", count: 1_000_000)
    + "1],\"data_offsets\":[0,4]}}"
  static let hostile: [(String, [UInt8])] = [
    ("length 2^63", file(header: "{}", length: 1 << 63)),
    ("length 2^64-1", file(header: "{}", length: .max)),
    ("length beyond the file", file(header: "{}", length: 3)),
    ("length 0", file(header: "", length: 0)),
    ("no object", file(header: "[]")),
    ("no JSON", file(header: "{,}")),
    ("deep nesting", file(header: String(repeating: "{\"a\":", count: 100_000))),
    ("overlap", file(header: "{\"a\":{\(one):[0,4]},\"b\":{\(one):[0,4]}}", data: 4)),
    ("half overlap", file(header: "{\"a\":{\(one):[0,4]},\"b\":{\(one):[2,6]}}", data: 6)),
    ("hole", file(header: "{\"a\":{\(one):[0,4]},\"b\":{\(one):[8,12]}}", data: 12)),
    ("hole in front", file(header: "{\"a\":{\(one):[4,8]}}", data: 8)),
    ("same name twice", file(header: "{\"a\":{\(one):[0,4]},\"a\":{\(one):[4,8]}}", data: 8)),
    (
      "same name twice, both empty",
      file(
        header: #"{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"#
          + #""\u0061":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#)
    ),
    ("metadata as a tensor", file(header: "{\"__metadata__\":{\(one):[0,4]}}", data: 4)),
    ("a million dimensions", file(header: millionDimensions, data: 4)),
    ("trailing bytes", file(header: "{\"a\":{\(one):[0,4]}}", data: 8)),
    ("beyond the data", file(header: "{\"a\":{\(one):[0,4]}}", data: 3)),
    ("backwards", file(header: "{\"a\":{\(one):[4,0]}}", data: 4)),
    ("negative offset", file(header: "{\"a\":{\(one):[-4,0]}}", data: 0)),
    ("fractional offset", file(header: "{\"a\":{\(one):[0,4.5]}}", data: 4)),
    ("huge offset", file(header: "{\"a\":{\(one):[0,1e300]}}", data: 4)),
    ("one offset", file(header: "{\"a\":{\(one):[0]}}", data: 4)),
    ("no shape", file(header: #"{"a":{"dtype":"F32","data_offsets":[0,4]}}"#, data: 4)),
    (
      "negative shape",
      file(header: #"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, data: 4)
    ),
    (
      "two negatives",
      file(header: #"{"a":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}"#, data: 4)
    ),
    (
      "overflowing shape",
      file(
        header: #"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#)
    ),
    (
      "overflowing bytes",
      file(header: #"{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}"#)
    ),
    (
      "shape beyond Int",
      file(header: #"{"a":{"dtype":"F32","shape":[18446744073709551617],"data_offsets":[0,4]}}"#)
    ),
    (
      "shape and bytes differ",
      file(header: #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, data: 4)
    ),
  ]

  @Test(arguments: hostile.indices) func refusesHostileFiles(_ index: Int) {
    let (name, bytes) = Self.hostile[index]
    let failure = failure { _ = try read(bytes) }
    #expect(failure?.kind == .badData, "\(name)")
    #expect(failure?.message.hasPrefix(folder.path) == true, "\(name)")
  }

  @Test func otherTypesAreNotFloats() throws {
    let file = try read(
      Self.file(header: #"{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#, data: 8))
    #expect(failure { _ = try file.floats("a", shape: [1]) }?.kind == .badData)
  }

  @Test func anotherModelIsListedWhole() throws {
    let message = failure {
      try read(Self.file().bytes).checkNames([
        ("0.weight", [3, 2]), ("0.bias", [4]), ("empty", [0, 4]), ("scalar", []),
        ("2.weight", [1]),
      ])
    }?.message
    #expect(message?.contains("0.bias is F32 [3], expected F32 [4]") == true)
    #expect(message?.contains("no 2.weight [1]") == true)
    #expect(message?.contains("ü\n [1] is not in the model") == true)
    #expect(message?.contains("0.weight") == false)
  }

  @Test func missingFile() {
    #expect(failure { _ = try SafetensorsFile(path: "\(folder.path)/none") }?.kind == .badData)
    #expect(failure { _ = try SafetensorsFile(path: folder.path) }?.kind == .badData)
  }
}

extension SafetensorsFile {
  /// The elements of tensor `name`, as `read` checks them.
  fileprivate func floats(_ name: String, shape: [Int]) throws -> [Float] {
    // A scalar has an empty shape, and what has no elements needs an address all the same.
    let count = shape.reduce(1, *)
    return try [Float](unsafeUninitializedCapacity: max(1, count)) { buffer, filled in
      guard let base = buffer.baseAddress else { return }
      try read(name, shape: shape, into: base)
      filled = count
    }
  }
}
