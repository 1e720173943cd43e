/// lr₀ until the validation figure no longer improves, then less: the one shape that is no function
/// of the step alone. Rank 0 feeds its `State` with each evaluation, and the checkpoint keeps it.
///
///     improved: value < best·(1 − threshold)   (or > best·(1 + threshold) where higher is better)
///     more than `patience` checks without: rate ← max(rate·factor, min), then `cooldown` checks
///     during which none is counted
///
/// Source: PyTorch's `ReduceLROnPlateau` with a relative threshold.
package struct ReduceOnPlateau: ScheduleShape {
  package static let name = "reduce-on-plateau"
  let factor: Double
  let patience: Int
  let threshold: Double
  let cooldown: Int
  let minimum: Double

  package init(_ keys: inout ScheduleKeys) throws {
    factor = try keys.number("factor", default: 0.1, in: "0 < factor < 1") { $0 > 0 && $0 < 1 }
    patience = try keys.count("patience", default: 10)
    threshold = try keys.number("threshold", default: 1e-4, in: "0 ≤ threshold < 1") {
      $0 >= 0 && $0 < 1
    }
    cooldown = try keys.count("cooldown", default: 0)
    minimum = try keys.floor("min")
  }

  package func rate(_ t: Double, of total: Double, base: Double) -> Double { base }

  /// What the checks so far have done.
  package struct State: Sendable, Equatable, Codable {
    package private(set) var rate: Double
    private var best: Double?
    private var badChecks = 0
    private var cooldownLeft = 0

    /// - Parameter rate: lr₀.
    package init(rate: Double) { self.rate = rate }

    /// Whether it can have come from checks: one that was read from a file may say anything.
    package var isValid: Bool {
      rate > 0 && rate.isFinite && best?.isFinite != false
        && [badChecks, cooldownLeft].allSatisfy { (0...(1 << 50)).contains($0) }
    }

    /// Takes the next check's figure.
    package mutating func observe(
      _ value: Double, isBetterWhenHigher: Bool, settings: ReduceOnPlateau
    ) {
      let margin = isBetterWhenHigher ? 1 + settings.threshold : 1 - settings.threshold
      let improves =
        best.map { isBetterWhenHigher ? value > $0 * margin : value < $0 * margin }
        ?? value.isFinite
      if improves {
        best = value
        badChecks = 0
      } else {
        badChecks += 1
      }
      if cooldownLeft > 0 {
        cooldownLeft -= 1
        badChecks = 0
      }
      guard badChecks > settings.patience else { return }
      // PyTorch's eps: a change too small to matter is none.
      let reduced = max(rate * settings.factor, settings.minimum)
      if rate - reduced > 1e-8 { rate = reduced }
      cooldownLeft = settings.cooldown
      badChecks = 0
    }
  }
}

extension ScheduleKeys {
  fileprivate mutating func count(_ key: String, default standard: Double) throws -> Int {
    Int(
      try number(key, default: standard, in: "a whole number of 0 or more") {
        $0 >= 0 && $0 <= 1e9 && $0 == $0.rounded()
      })
  }
}
