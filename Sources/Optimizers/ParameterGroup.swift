import Basics
import Glibc

/// What some parameters have of their own, chosen by name: `PATTERN:key=value,…`.
///
/// The pattern is a shell's: `*` is any run of characters, `?` one, `[0-3]` one of a range. All
/// groups that match a parameter hold; where two set the same key, the later wins.
package struct ParameterGroup: Sendable, Equatable, CustomStringConvertible {
  package var pattern: String
  /// What the learning rate is multiplied with.
  package var rateFactor: Double?
  package var weightDecay: Double?
  /// Whether the parameters stay as they are.
  package var isFrozen: Bool?

  package init(
    pattern: String, rateFactor: Double? = nil, weightDecay: Double? = nil, isFrozen: Bool? = nil
  ) {
    self.pattern = pattern
    self.rateFactor = rateFactor
    self.weightDecay = weightDecay
    self.isFrozen = isFrozen
  }

  /// - Throws: `Failure.usage` naming the group, the key, its value and its range.
  package init(parsing text: String) throws {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty else {
      throw Failure.usage(
        "param-group: '\(text)' is not PATTERN:key=value",
        remedy: "For example 'backbone.*:lr-factor=0.1,weight-decay=0'.")
    }
    var options = try NamedOptions(parsing: text, option: "param-group")
    let range = "a number, 0 or more, finite"
    self.init(
      pattern: options.name,
      rateFactor: try options.number("lr-factor", in: range) { $0 >= 0 },
      weightDecay: try options.number("weight-decay", in: range) { $0 >= 0 },
      isFrozen: try options.flag("freeze"))
    try options.finish()
  }

  package var description: String {
    let values = [
      rateFactor.map { "lr-factor=\($0)" }, weightDecay.map { "weight-decay=\($0)" },
      isFrozen.map { "freeze=\($0)" },
    ]
    return "\(pattern):\(values.compactMap { $0 }.joined(separator: ","))"
  }

  package func matches(_ name: String) -> Bool { fnmatch(pattern, name, 0) == 0 }

  /// - Throws: `Failure.usage` for a pattern that no parameter matches: a slip of the pen would
  ///   train what was meant to stay.
  package static func check(_ groups: [ParameterGroup], names: [String]) throws {
    guard let idle = groups.first(where: { group in !names.contains(where: group.matches) })
    else { return }
    throw Failure.usage(
      "parameter group '\(idle.pattern)': no parameter has such a name",
      remedy: "The first are \(names.prefix(8).joined(separator: ", ")); `inspect` lists all.")
  }
}
