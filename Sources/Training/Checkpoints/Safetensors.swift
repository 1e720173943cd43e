import Crypto
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

    var count: Int { shape.reduce(1, *) }
    var byteCount: Int { 4 * count }
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

  /// The SHA-256 of the file of `entries`, in hexadecimal.
  static func digest(_ entries: [Entry]) -> String {
    var hash = SHA256()
    write(entries) { hash.update(bufferPointer: $0) }
    return hexadecimal(hash.finalize())
  }
}
