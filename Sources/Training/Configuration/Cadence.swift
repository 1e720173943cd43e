import Basics
import Optimizers

/// How often something happens: every k steps, every k epochs, or every k minutes.
package enum Cadence: Sendable, Equatable {
  case steps(Int)
  case minutes(Double)

  /// Reads `500st`, `1ep` or `10min`.
  /// - Throws: `Failure.usage`.
  package init(_ text: String, option: String, stepsPerEpoch: Int) throws {
    guard text.hasSuffix("min") else {
      self = .steps(
        try Cadence.steps(
          text, option: option, stepsPerEpoch: stepsPerEpoch, expected: "500st, 1ep or 10min"))
      return
    }
    guard let minutes = Double(text.dropLast(3)), minutes > 0, minutes < 1e9 else {
      throw Failure.usage("\(option): '\(text)' is no time", remedy: "Write 10min.")
    }
    self = .minutes(minutes)
  }

  /// Reads `500st` or `1ep`: how often what must not depend on the clock happens.
  /// - Throws: `Failure.usage`.
  static func steps(
    _ text: String, option: String, stepsPerEpoch: Int, expected: String = "500st or 1ep"
  ) throws -> Int {
    guard let length = RunLength(text), length.unit != .percent, length.amount > 0 else {
      throw Failure.usage("\(option): '\(text)' is not valid", remedy: "Expected \(expected).")
    }
    return max(1, length.steps(stepsPerEpoch: stepsPerEpoch, totalSteps: 0))
  }

  /// Whether it is due when `step` steps are done.
  /// - Parameter previous: how many were when that was asked before.
  package func isDue(afterStep step: Int, since previous: Int, secondsSinceLast: Double) -> Bool {
    switch self {
    case .steps(let count): step / count > previous / count
    case .minutes(let minutes): secondsSinceLast >= minutes * 60
    }
  }
}

extension RunConfiguration {
  /// Multiples of it are kept for ever; nil where none are.
  func keepEverySteps(stepsPerEpoch: Int) throws -> Int? {
    try keepEvery.map {
      try Cadence.steps($0, option: "keep-every", stepsPerEpoch: stepsPerEpoch)
    }
  }
}
