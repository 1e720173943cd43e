/// What a benchmark has found: `key=value` words in one line.
package struct ResultLine {
  private var words: [String] = []

  package init() {}

  package var text: String { words.joined(separator: " ") }

  package mutating func add(_ key: String, _ value: some CustomStringConvertible) {
    words.append("\(key)=\(value)")
  }

  package mutating func add(_ key: String, _ value: Double, decimals: Int) {
    add(key, Format.fixed(value, decimals))
  }
}
