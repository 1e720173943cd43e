import Foundation
import Testing

/// The tensors of a safetensors file, read without the program's code.
struct Weights {
  let tensors: [String: (shape: [Int], values: [Float])]

  init(_ path: String) throws {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    let length = bytes.withUnsafeBytes { Int($0.loadUnaligned(as: UInt64.self)) }
    let header = try JSONSerialization.jsonObject(with: bytes[8..<(8 + length)])
    var tensors: [String: (shape: [Int], values: [Float])] = [:]
    for case (let name, let entry as [String: Any]) in header as? [String: Any] ?? [:] {
      guard let shape = entry["shape"] as? [Int],
        let start = (entry["data_offsets"] as? [Int])?.first
      else { continue }
      tensors[name] = (
        shape,
        bytes.withUnsafeBytes { raw in
          (0..<shape.reduce(1, *)).map {
            raw.loadUnaligned(fromByteOffset: 8 + length + start + 4 * $0, as: Float.self)
          }
        }
      )
    }
    self.tensors = tensors
  }

  /// Rows of a matrix, or the one of a bias.
  func units(_ name: String) throws -> [[Float]] {
    let (shape, values) = try #require(tensors[name])
    let length = shape.count > 1 ? values.count / shape[0] : values.count
    return stride(from: 0, to: values.count, by: length).map { Array(values[$0..<($0 + length)]) }
  }
}

func norm(_ values: some Sequence<Float>) -> Double {
  values.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
}

func difference(_ a: [Float], _ b: [Float]) -> [Float] { zip(a, b).map { $0 - $1 } }
