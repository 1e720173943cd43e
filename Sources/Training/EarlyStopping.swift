/// Watches one figure and says when it has stopped getting better.
///
/// An improvement is current < best − minDelta (or current > best + minDelta where higher is
/// better). Training stops at the `patience`-th check in a row without one, and at once where the
/// figure is not finite, is as good as anyone asked for, or is worse than anyone will have.
/// Source: Keras' `EarlyStopping`, PyTorch Lightning's.
package struct EarlyStopping: Sendable, Equatable, Codable {
  package struct Settings: Sendable, Equatable, Codable {
    package var isBetterWhenHigher = false
    package var minDelta = 0.0
    package var patience = 3
    /// Checks after fewer optimizer steps are not looked at.
    package var startStep = 0
    /// Better than this is good enough.
    package var goal: Double?
    /// Worse than this is a failure.
    package var limit: Double?

    package init() {}
  }

  package let settings: Settings
  package private(set) var best: Double?
  package private(set) var bestStep: Int?
  package private(set) var badChecks = 0
  /// The last check said stop: a resume of this state has nothing left to train.
  package private(set) var hasStopped = false

  package init(_ settings: Settings) { self.settings = settings }

  package enum Verdict: Sendable, Equatable { case improved, wait, stop }

  /// Takes the next check's figure.
  package mutating func observe(_ value: Double, step: Int) -> Verdict {
    guard value.isFinite else {
      badChecks += 1
      hasStopped = true
      return .stop
    }
    if step < settings.startStep { return .wait }
    let improves = best.map { isBetter(value, than: $0, by: settings.minDelta) } ?? true
    if improves {
      best = value
      bestStep = step
      badChecks = 0
    } else {
      badChecks += 1
    }
    hasStopped =
      badChecks >= settings.patience
      || settings.goal.map { isBetter(value, than: $0, by: 0) } ?? false
      || settings.limit.map { isBetter($0, than: value, by: 0) } ?? false
    return hasStopped ? .stop : improves ? .improved : .wait
  }

  private func isBetter(_ value: Double, than other: Double, by margin: Double) -> Bool {
    settings.isBetterWhenHigher ? value > other + margin : value < other - margin
  }
}
