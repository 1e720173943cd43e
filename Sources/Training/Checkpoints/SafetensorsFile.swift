import Basics
import FoundationEssentials

/// A safetensors file whose header has been checked: nothing in it is believed.
package final class SafetensorsFile {
  package struct Tensor: Sendable, CustomStringConvertible {
    package let name: String
    package let type: String
    package let shape: [Int]
    /// Bytes of the file.
    package let range: Range<Int>

    package var description: String { "\(name) \(type) \(shape)" }
    /// PyTorch counts the batches of a batch norm; nothing here follows from it.
    var isBatchCount: Bool { name.hasSuffix("num_batches_tracked") }
  }

  /// In the order of their data.
  package let tensors: [Tensor]
  package var path: String { file.path }
  private let file: InputFile
  private let byName: [String: Tensor]

  /// - Throws: `Failure.badData` naming file, place, expected and found.
  package init(path: String, followsLinks: Bool = true) throws {
    file = try InputFile(path: path, followsLinks: followsLinks)
    let (header, dataStart) = try SafetensorsFile.header(of: file)
    func refuse(_ message: String) -> Failure { SafetensorsFile.refusal(path, message) }
    let dataCount = file.byteCount - dataStart
    var found: [Tensor] = []
    for (name, entry) in header.tensors {
      guard let type = entry.dtype, let shape = entry.shape, let offsets = entry.dataOffsets,
        offsets.count == 2, let start = Int(exactly: offsets[0]),
        let end = Int(exactly: offsets[1]),
        start >= 0, start <= end, end <= dataCount
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
      found.append(
        Tensor(name: name, type: type, shape: shape, range: dataStart + start..<dataStart + end))
    }
    found.sort {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }
    var position = dataStart
    for tensor in found {
      guard tensor.range.lowerBound == position else {
        throw refuse("tensor \(tensor.name): data overlaps another tensor or leaves a hole")
      }
      position = tensor.range.upperBound
    }
    guard position == file.byteCount else {
      throw refuse("\(file.byteCount - position) bytes follow the last tensor")
    }
    tensors = found
    byName = Dictionary(found.map { ($0.name, $0) }) { first, _ in first }
  }

  /// The header, and where the data begins.
  private static func header(of file: InputFile) throws -> (Header, dataStart: Int) {
    guard file.byteCount >= 8 else {
      throw refusal(file.path, "\(file.byteCount) bytes; expected at least 8")
    }
    var length = UInt64(0)
    try withUnsafeMutableBytes(of: &length) { try file.read(into: $0, at: 0) }
    length = UInt64(littleEndian: length)
    guard length >= 2, length <= UInt64(min(file.byteCount - 8, 100_000_000)) else {
      throw refusal(file.path, "header length \(length) in a file of \(file.byteCount) bytes")
    }
    var bytes = [UInt8](repeating: 0, count: Int(length))
    try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 8) }
    guard bytes.first == UInt8(ascii: "{") else {
      throw refusal(file.path, "the header does not start with {")
    }
    guard let header = try? JSONDecoder().decode(Header.self, from: Data(bytes)) else {
      throw refusal(file.path, "the header is not the JSON that safetensors defines")
    }
    if let key = JSONKeys(bytes).duplicate {
      throw refusal(file.path, "\(key.dropFirst()) stands twice in the header")
    }
    return (header, 8 + Int(length))
  }

  private static func refusal(_ path: String, _ message: String) -> Failure {
    .badData("\(path): \(message)", remedy: "The file is damaged or no safetensors file.")
  }

  private static let widths = [
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1,
    "BOOL": 1,
  ]

  private struct Header: Decodable {
    var tensors: [String: TensorEntry] = [:]

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Key.self)
      for key in container.allKeys {
        if key.stringValue == "__metadata__" {
          _ = try container.decode([String: String].self, forKey: key)
        } else {
          tensors[key.stringValue] = try container.decode(TensorEntry.self, forKey: key)
        }
      }
    }

    private struct Key: CodingKey {
      let stringValue: String
      var intValue: Int? { nil }
      init?(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }
  }

  private struct TensorEntry: Decodable {
    let dtype: String?
    let shape: [Int]?
    let dataOffsets: [Double]?

    enum CodingKeys: String, CodingKey {
      case dtype
      case shape
      case dataOffsets = "data_offsets"
    }
  }

  /// Compares what the file holds with what the model needs, all at once.
  /// - Throws: `Failure.badData` listing what is missing, of another shape or type, and too much.
  package func checkNames(_ wanted: [(name: String, shape: [Int])]) throws {
    var wrong: [String] = []
    for (name, shape) in wanted {
      if let tensor = byName[name] {
        if tensor.type != "F32" || tensor.shape != shape {
          wrong.append("\(name) is \(tensor.type) \(tensor.shape), expected F32 \(shape)")
        }
      } else {
        wrong.append("no \(name) \(shape)")
      }
    }
    let names = Set(wanted.map(\.name))
    let surplus = tensors.filter { !names.contains($0.name) && !$0.isBatchCount }
    wrong += surplus.map {
      "\($0.name) \($0.shape) is not in the model"
    }
    try requireNone(wrong, "is of another model")
  }

  /// - Throws: `Failure.badData` that lists what is `wrong`, as far as anyone wants to read.
  func requireNone(_ wrong: [String], _ verdict: String, remedy: String = "") throws {
    guard !wrong.isEmpty else { return }
    let more = wrong.count > 20 ? "; and \(wrong.count - 20) more" : ""
    throw Failure.badData(
      "\(path) \(verdict): \(wrong.prefix(20).joined(separator: "; "))\(more)", remedy: remedy)
  }

  /// Fills `values` with the elements of tensor `name`, which has the shape the model has.
  /// - Throws: `Failure.badData` where it is missing or of another shape or type.
  package func read(
    _ name: String, shape: [Int], into values: UnsafeMutablePointer<Float>
  ) throws {
    guard let tensor = byName[name] else {
      throw Failure.badData(
        "\(path): no tensor \(name)",
        remedy: "It has: \(tensors.map(\.name).joined(separator: ", ")).")
    }
    guard tensor.shape == shape, tensor.type == "F32" else {
      throw Failure.badData(
        "\(path): tensor \(name) is \(tensor.type) \(tensor.shape), expected F32 \(shape)")
    }
    try file.read(
      into: UnsafeMutableRawBufferPointer(start: values, count: tensor.range.count),
      at: tensor.range.lowerBound)
  }
}
