/// Watches one figure and says when it has stopped getting better.
///
/// An improvement is current < best − minDelta (or current > best + minDelta where higher is
/// better). Training stops at the `patience`-th check in a row without one, and at once where the
/// figure is not finite. Source: Keras' `EarlyStopping`, PyTorch Lightning's.
package struct EarlyStopping: Sendable, Equatable, Codable {
  package let isBetterWhenHigher: Bool
  package let minDelta: Double
  package let patience: Int
  package private(set) var best: Double?
  package private(set) var bestStep: Int?
  package private(set) var badChecks = 0
  /// The last check said stop: a resume of this state has nothing left to train.
  package private(set) var hasStopped = false

  package init(isBetterWhenHigher: Bool, minDelta: Double, patience: Int) {
    self.isBetterWhenHigher = isBetterWhenHigher
    self.minDelta = minDelta
    self.patience = patience
  }

  package enum Verdict: Sendable, Equatable { case improved, wait, stop }

  /// Takes the next check's figure.
  package mutating func observe(_ value: Double, step: Int) -> Verdict {
    guard value.isFinite else {
      badChecks += 1
      hasStopped = true
      return .stop
    }
    let improves =
      best.map { isBetterWhenHigher ? value > $0 + minDelta : value < $0 - minDelta } ?? true
    if improves {
      best = value
      bestStep = step
      badChecks = 0
      return .improved
    }
    badChecks += 1
    hasStopped = badChecks >= patience
    return hasStopped ? .stop : .wait
  }
}
