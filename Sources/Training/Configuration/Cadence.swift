import Basics
import Optimizers

/// How often something happens: every k steps, every k epochs, or every k minutes.
package enum Cadence: Sendable, Equatable {
  case steps(Int)
  case minutes(Double)

  /// Reads `500st`, `1ep` or `10min`.
  package init(_ text: String, option: String, stepsPerEpoch: Int) throws {
    if text.hasSuffix("min") {
      guard let minutes = Double(text.dropLast(3)), minutes > 0, minutes < 1e9 else {
        throw Failure.usage("\(option): '\(text)' is no time", remedy: "Write 10min.")
      }
      self = .minutes(minutes)
      return
    }
    let length = try RunLength(text, option: option)
    guard length.unit != .percent, length.amount > 0 else {
      throw Failure.usage("\(option): '\(text)'", remedy: "Write 500st, 1ep or 10min.")
    }
    self = .steps(max(1, length.steps(stepsPerEpoch: stepsPerEpoch, totalSteps: 0)))
  }

  /// Whether it is due after update number `step` (1 for the first).
  /// - Parameter previous: the step after which that was asked before.
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
    guard let keepEvery else { return nil }
    guard
      case .steps(let steps) = try Cadence(
        keepEvery, option: "keep-every", stepsPerEpoch: stepsPerEpoch)
    else {
      throw Failure.usage(
        "keep-every: '\(keepEvery)' is a time, which no step has", remedy: "Write 5000st or 10ep.")
    }
    return steps
  }
}
