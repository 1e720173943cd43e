import Basics
import Optimizers

/// Kinds of settings, by what their value is.
extension Setting {
  typealias Path<Value> = WritableKeyPath<RunConfiguration, Value>

  /// Throws where text is no value of the setting of that name.
  typealias Check = (_ name: String, _ text: String) throws -> Void

  static func text(
    _ name: String, _ path: Path<String>, change: Change = .refused, check: @escaping Check = word
  ) -> Setting {
    Setting(name, change: change, print: { $0[keyPath: path] }) { configuration, text in
      try check(name, text)
      configuration[keyPath: path] = text
    }
  }

  static func optionalText(
    _ name: String, _ path: Path<String?>, change: Change = .refused, check: @escaping Check = word
  ) -> Setting {
    Setting(name, change: change, print: { $0[keyPath: path] }) { configuration, text in
      try check(name, text)
      configuration[keyPath: path] = text
    }
  }

  /// One of the cases of `Value`.
  static func choice<Value: RawRepresentable<String> & CaseIterable>(
    _ name: String, _ path: Path<Value>, change: Change = .refused
  ) -> Setting {
    Setting(name, change: change, print: { $0[keyPath: path].rawValue }) {
      $0[keyPath: path] = try oneOf(name, $1)
    }
  }

  static func optionalChoice<Value: RawRepresentable<String> & CaseIterable>(
    _ name: String, _ path: Path<Value?>, change: Change = .refused
  ) -> Setting {
    Setting(name, change: change, print: { $0[keyPath: path]?.rawValue }) {
      $0[keyPath: path] = try oneOf(name, $1)
    }
  }

  private static func oneOf<Value: RawRepresentable<String> & CaseIterable>(
    _ name: String, _ text: String
  ) throws -> Value {
    guard let value = Value(rawValue: text) else {
      let words = Value.allCases.map(\.rawValue)
      throw refusal(
        name, text, words.dropLast().joined(separator: ", ") + " or " + (words.last ?? ""))
    }
    return value
  }

  static func word(_ name: String, _ text: String) throws {
    if text.isEmpty { throw refusal(name, text, "a word") }
  }

  /// Kept as text: how many steps an epoch has is known with the data.
  static func length(_ name: String, _ text: String) throws {
    _ = try RunLength(text, option: name)
  }

  static func stepCadence(_ name: String, _ text: String) throws {
    _ = try Cadence.steps(text, option: name, stepsPerEpoch: 1)
  }

  static func flag(_ name: String, _ path: Path<Bool>, change: Change = .refused) -> Setting {
    Setting(name, change: change, isSwitch: true, print: { $0[keyPath: path] ? "true" : nil }) {
      $0[keyPath: path] = try boolean(name, $1)
    }
  }

  static func number(
    _ name: String, _ path: Path<Double>, _ range: String, change: Change = .refused,
    _ isValid: @escaping (Double) -> Bool
  ) -> Setting {
    Setting(name, change: change, print: { "\($0[keyPath: path])" }) { configuration, text in
      configuration[keyPath: path] = try real(name, text, range, isValid)
    }
  }

  static func optionalNumber(
    _ name: String, _ path: Path<Double?>, _ range: String, change: Change = .refused,
    _ isValid: @escaping (Double) -> Bool
  ) -> Setting {
    Setting(name, change: change, print: { $0[keyPath: path].map { "\($0)" } }) {
      $0[keyPath: path] = try real(name, $1, range, isValid)
    }
  }

  static func count(
    _ name: String, _ path: Path<Int>, _ range: ClosedRange<Int>, change: Change = .refused
  ) -> Setting {
    Setting(name, change: change, print: { "\($0[keyPath: path])" }) { configuration, text in
      configuration[keyPath: path] = try integer(name, text, range)
    }
  }

  static func optionalCount(
    _ name: String, _ path: Path<Int?>, _ range: ClosedRange<Int>, change: Change = .refused
  ) -> Setting {
    Setting(name, change: change, print: { $0[keyPath: path].map(String.init) }) {
      configuration, text in configuration[keyPath: path] = try integer(name, text, range)
    }
  }

  /// Its range is the optimizer's to check.
  static func hyperParameter(_ name: HyperParameter) -> Setting {
    Setting(
      name.rawValue, isSwitch: name.isSwitch,
      print: { configuration in
        configuration.hyperParameters[name].map { values in
          name.isSwitch
            ? "\(values[0] == 1)" : values.map { "\($0)" }.joined(separator: ",")
        }
      }
    ) { configuration, text in
      configuration.hyperParameters[name] =
        name.isSwitch
        ? [try boolean(name.rawValue, text) ? 1 : 0]
        : try parseNumbers(name.rawValue, text, count: name.count)
    }
  }

  static func parseNumbers(
    _ name: String, _ text: String, count: Int
  ) throws -> [Double] {
    let values = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
    guard values.count == count, values.allSatisfy({ $0?.isFinite ?? false }) else {
      throw refusal(name, text, count == 1 ? "a number" : "\(count) numbers with a comma")
    }
    return values.compactMap { $0 }
  }

  static func integer(
    _ name: String, _ text: String, _ range: ClosedRange<Int>
  ) throws -> Int {
    guard let value = Int(text), range.contains(value) else {
      throw refusal(name, text, "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  static func real(
    _ name: String, _ text: String, _ range: String, _ isValid: (Double) -> Bool
  ) throws -> Double {
    guard let value = Double(text), isValid(value) else { throw refusal(name, text, range) }
    return value
  }

  static func boolean(_ name: String, _ text: String) throws -> Bool {
    guard let value = Bool(text) else { throw refusal(name, text, "true or false") }
    return value
  }

  static func refusal(_ name: String, _ text: String, _ expected: String) -> Failure {
    Failure.usage("\(name): '\(text)' is not valid", remedy: "Expected \(expected).")
  }
}
