import FoundationEssentials

/// The keys of a JSON text that a decoder has accepted: decoders pass over a key that stands
/// twice, and over keys they do not know, in silence.
package struct JSONKeys {
  /// As paths: `best[]/step`.
  package private(set) var paths: Set<String> = []
  /// The first key that its object already had.
  package private(set) var duplicate: String?

  private struct Container {
    let isObject: Bool
    let path: String
    var keys: Set<String> = []
    var expectsKey: Bool
  }

  /// Complexity: O(n); nesting takes memory, not stack.
  package init(_ bytes: some Collection<UInt8>) {
    var open: [Container] = []
    var valuePath = ""
    var index = bytes.startIndex
    while index != bytes.endIndex {
      let byte = bytes[index]
      switch byte {
      case UInt8(ascii: "\""):
        let end = JSONKeys.endOfString(bytes, from: index)
        if let last = open.indices.last, open[last].expectsKey {
          let key = JSONKeys.decode(bytes[index..<end])
          valuePath = "\(open[last].path)/\(key)"
          if !open[last].keys.insert(key).inserted { duplicate = duplicate ?? valuePath }
          open[last].expectsKey = false
          paths.insert(valuePath)
        }
        index = end
        continue
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        let isObject = byte == UInt8(ascii: "{")
        let parent = open.last.map { $0.isObject ? valuePath : $0.path + "[]" } ?? ""
        open.append(Container(isObject: isObject, path: parent, expectsKey: isObject))
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        _ = open.popLast()
      case UInt8(ascii: ","):
        if let last = open.indices.last { open[last].expectsKey = open[last].isObject }
      default: break
      }
      bytes.formIndex(after: &index)
    }
  }

  /// The place behind the closing quote of the string that opens at `start`.
  private static func endOfString<Bytes: Collection<UInt8>>(
    _ bytes: Bytes, from start: Bytes.Index
  ) -> Bytes.Index {
    var index = bytes.index(after: start)
    while index != bytes.endIndex {
      let byte = bytes[index]
      bytes.formIndex(after: &index)
      if byte == UInt8(ascii: "\"") { return index }
      if byte == UInt8(ascii: "\\"), index != bytes.endIndex { bytes.formIndex(after: &index) }
    }
    return index
  }

  /// "a" and "\u0061" are one key.
  private static func decode(_ token: some Collection<UInt8>) -> String {
    (try? JSONDecoder().decode(String.self, from: Data(token)))
      ?? String(decoding: token, as: UTF8.self)
  }
}
