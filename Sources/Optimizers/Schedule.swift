import Basics
import Glibc

/// The learning rate as a pure function of the optimizer step, so that a resumed run and any rank
/// find the same number.
package struct Schedule: Sendable, Equatable {
  /// The shape, with t the steps since the warm-up and T the steps after it.
  package enum Shape: Sendable, Equatable {
    /// lr₀
    case constant
    /// lr₀·(1 + (end − 1)·min(t, T)/T)
    case linear(end: Double)
    /// lr₀·γᵗ
    case exponential(gamma: Double)
    /// lr₀·e^(−λt)
    case exponentialDecay(rate: Double)
    /// floor + (lr₀ − floor)·(1 + cos(πt/T))/2
    case cosine(floor: Double)
    /// Cosine that starts again after T₀, T₀·mult, T₀·mult², … steps (SGDR, arXiv 1608.03983).
    case cosineWarmRestarts(period: Double, multiplier: Double, floor: Double)
    /// lr₀·γ^(t mod period)
    case exponentialWarmRestarts(period: Double, gamma: Double)
  }

  package var shape: Shape
  package var baseRate: Double
  /// Steps of linear warm-up lr₀·(t + 1)/warm-up in front of the shape; never a zero rate.
  package var warmupSteps: Int
  /// Steps of the whole run.
  package var totalSteps: Int
  /// 1, or the steps of an epoch where t counts epochs.
  package var stepsPerUnit: Int

  package init(
    _ shape: Shape, baseRate: Double, warmupSteps: Int = 0, totalSteps: Int, stepsPerUnit: Int = 1
  ) {
    self.shape = shape
    self.baseRate = baseRate
    self.warmupSteps = warmupSteps
    self.totalSteps = totalSteps
    self.stepsPerUnit = stepsPerUnit
  }

  /// The rate in force for update number `step` (0 for the first).
  package func rate(at step: Int) -> Double {
    if step < warmupSteps { return baseRate * Double(step + 1) / Double(warmupSteps) }
    let t = Double((step - warmupSteps) / stepsPerUnit)
    let total = max(1, (Double(totalSteps - warmupSteps) / Double(stepsPerUnit)).rounded(.up))
    switch shape {
    case .constant: return baseRate
    case .linear(let end): return baseRate * (1 + (end - 1) * min(t, total) / total)
    case .exponential(let gamma): return baseRate * pow(gamma, t)
    case .exponentialDecay(let rate): return baseRate * exp(-rate * t)
    case .cosine(let floor):
      return floor + (baseRate - floor) * (1 + cos(.pi * min(t, total) / total)) / 2
    case .cosineWarmRestarts(let period, let multiplier, let floor):
      let (current, length) = Schedule.cycle(t, period: period, multiplier: multiplier)
      return floor + (baseRate - floor) * (1 + cos(.pi * current / length)) / 2
    case .exponentialWarmRestarts(let period, let gamma):
      return baseRate * pow(gamma, t.truncatingRemainder(dividingBy: period))
    }
  }

  /// Where t lies in its cycle, and that cycle's length.
  private static func cycle(
    _ t: Double, period: Double, multiplier: Double
  ) -> (current: Double, length: Double) {
    if multiplier == 1 { return (t.truncatingRemainder(dividingBy: period), period) }
    var current = t
    var length = period
    while current >= length {
      current -= length
      length *= multiplier
    }
    return (current, length)
  }
}
