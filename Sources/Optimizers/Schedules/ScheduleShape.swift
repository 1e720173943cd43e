import Basics

/// How the rate goes over one piece of a schedule.
package protocol ScheduleShape: Sendable {
  /// The command line's name for it.
  static var name: String { get }
  /// Takes its settings.
  /// - Throws: `Failure.usage` naming the key, its value and its range.
  init(_ keys: inout ScheduleKeys) throws
  /// - Parameters:
  ///   - t: units (steps or epochs) since the piece's start.
  ///   - total: T, the units of the piece; t may reach and pass it.
  ///   - base: lr₀, the rate asked for.
  func rate(_ t: Double, of total: Double, base: Double) -> Double
  /// Momentum where the shape moves it too.
  func momentum(_ t: Double, of total: Double) -> Double?
}

extension ScheduleShape {
  package func momentum(_ t: Double, of total: Double) -> Double? { nil }
}

extension Schedule {
  /// The shapes that go by name.
  package static let shapes: [any ScheduleShape.Type] = [
    Constant.self, Linear.self, Exponential.self, ExponentialDecay.self, StepDecay.self,
    MultiStep.self, Polynomial.self, InverseTime.self, InverseSquareRoot.self, Cosine.self,
    CosineWarmRestarts.self, ExponentialWarmRestarts.self, OneCycle.self, Cyclic.self,
    WarmupStableDecay.self, ReduceOnPlateau.self,
  ]

  package static var names: [String] { shapes.map { $0.name } }
}

/// The settings behind a shape's name, durations in units of its t.
package struct ScheduleKeys {
  private var options: NamedOptions
  let stepsPerUnit: Int
  private let stepsPerEpoch: Int
  private let totalSteps: Int

  var title: String { options.title }
  var name: String { options.name }

  init(_ options: NamedOptions, stepsPerEpoch: Int, totalSteps: Int) throws {
    self.options = options
    self.stepsPerEpoch = stepsPerEpoch
    self.totalSteps = totalSteps
    switch self.options.take("unit") ?? "step" {
    case "step": stepsPerUnit = 1
    case "epoch": stepsPerUnit = stepsPerEpoch
    case let unit:
      throw Failure.usage("\(options.title): unit '\(unit)'", remedy: "Expected step or epoch.")
    }
  }

  mutating func take(_ key: String) -> String? { options.take(key) }
  func finish() throws { try options.finish() }

  mutating func number(
    _ key: String, default standard: Double, in range: String, _ isValid: (Double) -> Bool
  ) throws -> Double {
    try options.number(key, default: standard, in: range, isValid)
  }

  /// 0 < γ ≤ 1.
  mutating func gamma(default standard: Double) throws -> Double {
    try number("gamma", default: standard, in: "0 < gamma ≤ 1") { $0 > 0 && $0 <= 1 }
  }

  /// A rate of 0 or more.
  mutating func rate(_ key: String) throws -> Double {
    try number(key, default: 0, in: "0 or more, finite") { $0 >= 0 }
  }

  mutating func flag(_ key: String, default standard: Bool) throws -> Bool {
    try options.flag(key) ?? standard
  }

  /// A duration in units, 1 or more; a plain number counts units.
  mutating func period(_ key: String) throws -> Double {
    guard let length = try optionalPeriod(key) else {
      throw Failure.usage("\(title): needs \(key)", remedy: "For example \(name):\(key)=100st.")
    }
    return length
  }

  mutating func optionalPeriod(_ key: String) throws -> Double? {
    try take(key).map { try units($0, key) }
  }

  /// Durations joined by `+`, each longer than the one before.
  mutating func milestones(_ key: String) throws -> [Double] {
    guard let text = take(key) else {
      throw Failure.usage("\(title): needs \(key)", remedy: "For example \(name):\(key)=30ep+60ep.")
    }
    let marks = try text.split(separator: "+", omittingEmptySubsequences: false).map {
      try units(String($0), key)
    }
    guard zip(marks, marks.dropFirst()).allSatisfy({ $0 < $1 }) else {
      throw Failure.usage(
        "\(title): \(key) '\(text)' is not valid", remedy: "Expected rising numbers.")
    }
    return marks
  }

  /// Steps of this piece, where it says how long it is.
  mutating func length() throws -> Int? {
    guard let text = take("for") else { return nil }
    let steps = try RunLength(text, option: "\(title): for").steps(
      stepsPerEpoch: stepsPerEpoch, totalSteps: totalSteps)
    guard steps >= 1 else {
      throw Failure.usage(
        "\(title): for '\(text)' is not valid", remedy: "Expected a step or more.")
    }
    return steps
  }

  private func units(_ text: String, _ key: String) throws -> Double {
    let length = try RunLength(text, option: "\(title): \(key)")
    let units =
      Double(text) != nil
      ? length.amount
      : Double(length.steps(stepsPerEpoch: stepsPerEpoch, totalSteps: totalSteps))
        / Double(stepsPerUnit)
    guard units >= 1 else {
      throw Failure.usage("\(title): \(key) '\(text)' is not valid", remedy: "Expected 1 or more.")
    }
    return units
  }
}
