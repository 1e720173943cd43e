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

  /// Nil where `text` is no length.
  package init?(_ text: String) {
    let unit = [Unit.steps, .epochs, .percent].first { text.hasSuffix($0.rawValue) }
    let number = unit.map { String(text.dropLast($0.rawValue.count)) } ?? text
    guard let amount = Double(number), amount >= 0, amount <= (unit == .percent ? 100 : 1e12)
    else { return nil }
    self.amount = amount
    self.unit = unit ?? .steps
  }

  /// - Throws: `Failure.usage` naming the option.
  package init(_ text: String, option: String) throws {
    guard let length = RunLength(text) else {
      throw Failure.usage(
        "\(option): '\(text)' is not a duration", remedy: "Write 100st, 5ep or 10%.")
    }
    self = length
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
