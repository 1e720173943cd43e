/// `NAME[:key=value,…]`, as `--schedule`, `--loss` and `--model` are written.
///
/// A reader takes the keys it knows; `finish` refuses the rest.
package struct NamedOptions: Sendable {
  /// What errors call it: `schedule cosine`.
  package let title: String
  package let name: String
  private var values: [String: String] = [:]
  /// What the reader has asked for.
  private var known: [String] = []

  /// - Parameter option: `schedule`.
  /// - Throws: `Failure.usage` where a pair is malformed or stands twice.
  package init(parsing text: some StringProtocol, option: String) throws {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    name = String(parts[0])
    title = "\(option) \(name)"
    guard parts.count > 1 else { return }
    for pair in parts[1].split(separator: ",", omittingEmptySubsequences: false) {
      let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard sides.count == 2, values[String(sides[0])] == nil else {
        throw Failure.usage(
          "\(title): '\(pair)' is not key=value, or stands twice",
          remedy: "Write \(name):key=value,key=value.")
      }
      values[String(sides[0])] = String(sides[1])
    }
  }

  package mutating func take(_ key: String) -> String? {
    known.append(key)
    return values.removeValue(forKey: key)
  }

  /// A finite number in its range; NaN is in none. Nil where the key is not given.
  package mutating func number(
    _ key: String, in range: String, _ isValid: (Double) -> Bool
  ) throws -> Double? {
    try value(key, in: range) { text in
      Double(text).flatMap { $0.isFinite && isValid($0) ? $0 : nil }
    }
  }

  package mutating func number(
    _ key: String, default standard: Double, in range: String, _ isValid: (Double) -> Bool
  ) throws -> Double {
    try number(key, in: range, isValid) ?? standard
  }

  package mutating func count(
    _ key: String, default standard: Int, in range: ClosedRange<Int>
  ) throws -> Int {
    let words = "a whole number from \(range.lowerBound) to \(range.upperBound)"
    return try value(key, in: words) { text in
      Int(text).flatMap { range.contains($0) ? $0 : nil }
    } ?? standard
  }

  /// Nil where the key is not given.
  package mutating func flag(_ key: String) throws -> Bool? {
    try value(key, in: "true or false") { Bool($0) }
  }

  private mutating func value<Value>(
    _ key: String, in range: String, _ read: (String) -> Value?
  ) throws -> Value? {
    guard let text = take(key) else { return nil }
    guard let value = read(text) else {
      throw Failure.usage("\(title): \(key) '\(text)' is not valid", remedy: "Expected \(range).")
    }
    return value
  }

  /// - Throws: `Failure.usage` for a key nobody took.
  package func finish() throws {
    guard let unknown = values.keys.min() else { return }
    throw Failure.usage(
      "\(title): unknown key '\(unknown)'",
      remedy: known.isEmpty ? "It has none." : "Keys: \(known.joined(separator: ", ")).")
  }
}
