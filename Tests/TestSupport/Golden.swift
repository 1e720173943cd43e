import Foundation

/// A safetensors file of reference values, read without the code under test.
package struct Golden: Sendable {
  package struct Tensor: Sendable {
    package let shape: [Int]
    /// float32 as they are; int64 converted.
    package let values: [Float]
  }

  package let tensors: [String: Tensor]

  package init(_ name: String) throws {
    let bytes = [UInt8](try Golden.data("\(name).safetensors"))
    let length = bytes.withUnsafeBytes { Int($0.loadUnaligned(as: UInt64.self)) }
    let header = try JSONSerialization.jsonObject(with: Data(bytes[8..<(8 + length)]))
    var tensors: [String: Tensor] = [:]
    for case (let name, let entry as [String: Any]) in header as? [String: Any] ?? [:] {
      guard let type = entry["dtype"] as? String, let shape = entry["shape"] as? [Int],
        let start = (entry["data_offsets"] as? [Int])?.first
      else { continue }
      let count = shape.reduce(1, *)
      let place = 8 + length + start
      let values: [Float] = bytes.withUnsafeBytes { raw in
        if type == "I64" {
          return (0..<count).map {
            Float(raw.loadUnaligned(fromByteOffset: place + 8 * $0, as: Int64.self))
          }
        }
        return (0..<count).map {
          raw.loadUnaligned(fromByteOffset: place + 4 * $0, as: Float.self)
        }
      }
      tensors[name] = Tensor(shape: shape, values: values)
    }
    self.tensors = tensors
  }

  package subscript(name: String) -> [Float] {
    guard let tensor = tensors[name] else { fatalError("no golden tensor \(name)") }
    return tensor.values
  }

  package func shape(_ name: String) -> [Int] { tensors[name]?.shape ?? [] }

  /// Row `index` of a tensor.
  package func row(_ name: String, _ index: Int) -> [Float] {
    let width = shape(name).dropFirst().reduce(1, *)
    return Array(self[name][(index * width)..<((index + 1) * width)])
  }

  package static func json<Value: Decodable>(_ name: String, as type: Value.Type) throws -> Value {
    try JSONDecoder().decode(type, from: data("\(name).json"))
  }

  /// A line of the table of worst errors, where one is asked for: `DIST_TRAIN_GOLDEN=table`.
  package static func report(_ name: String, worst errors: [Double]) {
    guard ProcessInfo.processInfo.environment["DIST_TRAIN_GOLDEN"] == "table" else { return }
    print("golden \(name) \(String(format: "%.1e", errors.max() ?? 0))")
  }

  package static func path(_ file: String) -> String {
    Bundle.module.bundleURL.appendingPathComponent("Golden/\(file)").path
  }

  private static func data(_ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: path(name)))
  }
}
