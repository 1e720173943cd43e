import Basics
import FoundationEssentials
import Glibc
import Reports

/// The safetensors format: an 8-byte little-endian header length, a JSON header, the data.
///
/// Source: https://huggingface.co/docs/safetensors, "Format".
package enum Safetensors {
  /// One tensor to be written; its elements lie in memory of their own.
  package struct Entry {
    package let name: String
    package let shape: [Int]
    package let data: UnsafePointer<Float>

    package init(name: String, shape: [Int], data: UnsafePointer<Float>) {
      self.name = name
      self.shape = shape
      self.data = data
    }

    var byteCount: Int { shape.reduce(4, *) }
  }

  /// The header of `entries` in their order; it holds no time, host or world size, so equal
  /// weights are equal files. The data starts at a multiple of 8.
  package static func header(_ entries: [Entry]) -> [UInt8] {
    var members = ["\"__metadata__\":{\"format\":\"pt\"}"]
    var offset = 0
    for entry in entries {
      let shape = entry.shape.map(String.init).joined(separator: ",")
      members.append(
        "\(JSONLine.quoted(entry.name)):{\"dtype\":\"F32\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(offset),\(offset + entry.byteCount)]}")
      offset += entry.byteCount
    }
    var text = Array(("{" + members.joined(separator: ",") + "}").utf8)
    while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
    return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
  }

  /// Streams `entries` as a file's bytes to `sink`.
  package static func write(
    _ entries: [Entry], to sink: (UnsafeRawBufferPointer) throws -> Void
  ) rethrows {
    try header(entries).withUnsafeBytes { try sink($0) }
    for entry in entries {
      try sink(UnsafeRawBufferPointer(start: entry.data, count: entry.byteCount))
    }
  }
}

/// A safetensors file read whole and checked: nothing in it is believed.
package struct SafetensorsFile {
  package struct Tensor: Sendable {
    package let name: String
    package let type: String
    package let shape: [Int]
    package let range: Range<Int>
  }

  package let path: String
  package let tensors: [Tensor]
  private let bytes: [UInt8]
  private let dataStart: Int

  /// - Throws: `Failure.badData` naming file, place, expected and found.
  package init(path: String) throws {
    let bytes = try readFile(path)
    func refuse(_ message: String) -> Failure {
      Failure.badData("\(path): \(message)", remedy: "The file is damaged or no safetensors file.")
    }
    guard bytes.count >= 8 else { throw refuse("\(bytes.count) bytes; expected at least 8") }
    let length = (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[$1]) << (8 * UInt64($1)) }
    guard length >= 2, length <= UInt64(min(bytes.count - 8, 100_000_000)) else {
      throw refuse("header length \(length) in a file of \(bytes.count) bytes")
    }
    let dataStart = 8 + Int(length)
    let data = Data(bytes[8..<dataStart])
    guard data.first == UInt8(ascii: "{") else { throw refuse("the header does not start with {") }
    let header: [String: HeaderEntry]
    do {
      header = try JSONDecoder().decode([String: HeaderEntry].self, from: data)
    } catch {
      throw refuse("the header is not the JSON that safetensors defines")
    }
    var found: [Tensor] = []
    for (name, entry) in header where name != "__metadata__" {
      guard let type = entry.dtype, let shape = entry.shape, let offsets = entry.dataOffsets,
        offsets.count == 2, let start = Int(exactly: offsets[0]),
        let end = Int(exactly: offsets[1]),
        start >= 0, start <= end, end <= bytes.count - dataStart
      else { throw refuse("tensor \(name): dtype, shape or data_offsets are wrong") }
      guard let count = Shape.checkedCount(shape) else {
        throw refuse("tensor \(name): shape \(shape) has no valid element count")
      }
      if let width = SafetensorsFile.widths[type] {
        let (expected, overflow) = count.multipliedReportingOverflow(by: width)
        guard !overflow, expected == end - start else {
          throw refuse(
            "tensor \(name): \(type) \(shape) needs \(expected) bytes, found \(end - start)")
        }
      }
      found.append(Tensor(name: name, type: type, shape: shape, range: start..<end))
    }
    found.sort {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }
    var position = 0
    for tensor in found {
      guard tensor.range.lowerBound == position else {
        throw refuse("tensor \(tensor.name): data overlaps another tensor or leaves a hole")
      }
      position = tensor.range.upperBound
    }
    guard position == bytes.count - dataStart else {
      throw refuse("\(bytes.count - dataStart - position) bytes follow the last tensor")
    }
    self.path = path
    self.bytes = bytes
    self.dataStart = dataStart
    tensors = found
  }

  private static let widths = [
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1,
    "BOOL": 1,
  ]

  /// The members of one tensor's entry; the metadata entry has none of them.
  private struct HeaderEntry: Decodable {
    let dtype: String?
    let shape: [Int]?
    let dataOffsets: [Double]?

    enum CodingKeys: String, CodingKey {
      case dtype
      case shape
      case dataOffsets = "data_offsets"
    }
  }

  /// The elements of tensor `name`, of the shape the model has.
  /// - Throws: `Failure.badData` where it is missing or of another shape or type.
  package func floats(_ name: String, shape: [Int]) throws -> [Float] {
    guard let tensor = tensors.first(where: { $0.name == name }) else {
      throw Failure.badData(
        "\(path): no tensor \(name)",
        remedy: "It has: \(tensors.map(\.name).joined(separator: ", ")).")
    }
    guard tensor.shape == shape, tensor.type == "F32" else {
      throw Failure.badData(
        "\(path): tensor \(name) is \(tensor.type) \(tensor.shape), expected F32 \(shape)")
    }
    let start = dataStart + tensor.range.lowerBound
    return bytes.withUnsafeBytes { raw in
      (0..<tensor.range.count / 4).map {
        raw.loadUnaligned(fromByteOffset: start + 4 * $0, as: Float.self)
      }
    }
  }
}
