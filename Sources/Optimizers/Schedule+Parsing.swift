import Basics

/// A length of time as options write it: `100st`, `5ep`, `10%` of the run, or a plain number of
/// steps.
package struct RunLength: Sendable, Equatable {
  package enum Unit: String, Sendable {
    case steps = "st"
    case epochs = "ep"
    case percent = "%"
  }

  package let amount: Double
  package let unit: Unit

  package init(_ text: String, option: String) throws {
    let unit = [Unit.steps, .epochs, .percent].first { text.hasSuffix($0.rawValue) }
    let number = unit.map { String(text.dropLast($0.rawValue.count)) } ?? text
    guard let amount = Double(number), amount >= 0, amount <= 1e12 else {
      throw Failure.usage(
        "\(option): '\(text)' is not a duration", remedy: "Write 100st, 5ep or 10%.")
    }
    self.amount = amount
    self.unit = unit ?? .steps
  }

  package func steps(stepsPerEpoch: Int, totalSteps: Int) -> Int {
    let steps =
      switch unit {
      case .steps: amount
      case .epochs: amount * Double(stepsPerEpoch)
      case .percent: amount / 100 * Double(totalSteps)
      }
    // Far beyond any run, and still a number that fits.
    return Int(min(steps.rounded(), 0x1p62))
  }
}

extension Schedule {
  package static let names = [
    "constant", "linear", "exponential", "exponential-decay", "cosine", "cosine-warm-restarts",
    "exponential-warm-restarts",
  ]

  /// Reads `NAME[:key=value,…]`.
  /// - Throws: `Failure.usage` naming the key, its value and its range.
  package init(
    parsing text: String, baseRate: Double, warmup: String?, stepsPerEpoch: Int, totalSteps: Int
  ) throws {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    var keys = ScheduleKeys(name: name)
    if parts.count > 1 { try keys.read(String(parts[1])) }

    let unit = keys.take("unit") ?? "step"
    guard ["step", "epoch"].contains(unit) else {
      throw Failure.usage("schedule \(name): unit '\(unit)'", remedy: "Expected step or epoch.")
    }
    let perUnit = unit == "epoch" ? stepsPerEpoch : 1
    func period(_ key: String) throws -> Double {
      guard let text = keys.take(key) else {
        throw Failure.usage(
          "schedule \(name): needs \(key)", remedy: "For example \(name):\(key)=100st.")
      }
      let steps = try RunLength(text, option: "schedule \(name): \(key)")
      let isPlain = Double(text) != nil
      let length =
        isPlain
        ? steps.amount
        : Double(steps.steps(stepsPerEpoch: stepsPerEpoch, totalSteps: totalSteps))
          / Double(perUnit)
      return try checked("schedule \(name): \(key)", length, in: "1 or more") { $0 >= 1 }
    }
    let shape: Shape
    switch name {
    case "constant": shape = .constant
    case "linear":
      shape = .linear(end: try keys.number("end", default: 0, in: "0 or more") { $0 >= 0 })
    case "exponential":
      let gamma = try keys.number("gamma", default: 0.95, in: "0 < gamma ≤ 1") {
        $0 > 0 && $0 <= 1
      }
      shape = .exponential(gamma: gamma)
    case "exponential-decay":
      let rate = try keys.number("rate", default: 0.01, in: "0 or more") { $0 >= 0 }
      shape = .exponentialDecay(rate: rate)
    case "cosine":
      shape = .cosine(floor: try keys.number("min", default: 0, in: "0 or more") { $0 >= 0 })
    case "cosine-warm-restarts":
      shape = .cosineWarmRestarts(
        period: try period("t0"),
        multiplier: try keys.number("mult", default: 1, in: "1 or more") { $0 >= 1 },
        floor: try keys.number("min", default: 0, in: "0 or more") { $0 >= 0 })
    case "exponential-warm-restarts":
      let gamma = try keys.number("gamma", default: 0.95, in: "0 < gamma ≤ 1") {
        $0 > 0 && $0 <= 1
      }
      shape = .exponentialWarmRestarts(period: try period("period"), gamma: gamma)
    default:
      throw Failure.usage(
        "schedule: '\(name)' is not known",
        remedy: "Schedules: \(Self.names.joined(separator: ", ")).")
    }
    try keys.finish()

    let warmupSteps = try warmup.map {
      try RunLength($0, option: "warmup").steps(
        stepsPerEpoch: stepsPerEpoch, totalSteps: totalSteps)
    }
    if let warmupSteps, warmupSteps > totalSteps {
      throw Failure.usage(
        "warmup: \(warmupSteps) steps are longer than the run of \(totalSteps)",
        remedy: "Shorten the warm-up or train longer.")
    }
    self.init(
      shape, baseRate: baseRate, warmupSteps: warmupSteps ?? 0, totalSteps: totalSteps,
      stepsPerUnit: perUnit)
  }
}

/// The `key=value` pairs behind a schedule's name.
private struct ScheduleKeys {
  let name: String
  private var values: [String: String] = [:]

  init(name: String) { self.name = name }

  mutating func read(_ text: String) throws {
    for pair in text.split(separator: ",", omittingEmptySubsequences: false) {
      let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard sides.count == 2, values[String(sides[0])] == nil else {
        throw Failure.usage(
          "schedule \(name): '\(pair)' is not key=value, or stands twice",
          remedy: "Write \(name):key=value,key=value.")
      }
      values[String(sides[0])] = String(sides[1])
    }
  }

  mutating func take(_ key: String) -> String? { values.removeValue(forKey: key) }

  mutating func number(
    _ key: String, default standard: Double, in range: String, _ isValid: (Double) -> Bool
  ) throws -> Double {
    guard let text = take(key) else { return standard }
    guard let value = Double(text), value.isFinite else {
      throw Failure.usage("schedule \(name): \(key) '\(text)' is not a number")
    }
    return try checked("schedule \(name): \(key)", value, in: range, isValid)
  }

  func finish() throws {
    guard let unknown = values.keys.min() else { return }
    throw Failure.usage("schedule \(name): unknown key '\(unknown)'")
  }
}
