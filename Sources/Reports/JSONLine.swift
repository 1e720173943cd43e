/// One JSON object as a line of text, keys in the order they were added.
///
/// Floats are printed with as many digits as it takes to read back the same bits; infinities and
/// NaN, which JSON lacks, become the strings "inf", "-inf" and "nan".
package struct JSONLine {
  private var members: [String] = []

  package init() {}

  package mutating func add(_ key: String, _ value: String) {
    members.append("\(JSONLine.quoted(key)):\(JSONLine.quoted(value))")
  }

  package mutating func add(_ key: String, _ value: Int) {
    members.append("\(JSONLine.quoted(key)):\(value)")
  }

  package mutating func add(_ key: String, _ value: Double) {
    members.append("\(JSONLine.quoted(key)):\(JSONLine.number(value, "\(value)"))")
  }

  package mutating func add(_ key: String, _ value: Float) {
    members.append("\(JSONLine.quoted(key)):\(JSONLine.number(Double(value), "\(value)"))")
  }

  package mutating func add(_ key: String, _ value: Bool) {
    members.append("\(JSONLine.quoted(key)):\(value)")
  }

  /// A value that is JSON already.
  package mutating func add(_ key: String, json: String) {
    members.append("\(JSONLine.quoted(key)):\(json)")
  }

  package var text: String { "{" + members.joined(separator: ",") + "}" }

  private static func number(_ value: Double, _ text: String) -> String {
    if value.isNaN { return "\"nan\"" }
    return value.isInfinite ? (value < 0 ? "\"-inf\"" : "\"inf\"") : text
  }

  package static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case _ where scalar.value < 32:
        let hex = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
