import Glibc

// Rates along a cosine, and rates that rise again. Sources: the classes of
// `torch.optim.lr_scheduler` named with each.

/// min + (lr₀ − min)·(1 + cos(πt/T))/2, then min. `CosineAnnealingLR`.
struct Cosine: ScheduleShape {
  static let name = "cosine"
  let floor: Double
  init(_ keys: inout ScheduleKeys) throws { floor = try keys.floor("min") }

  func rate(_ t: Double, of total: Double, base: Double) -> Double {
    alongCosine(from: base, to: floor, min(t, total) / total)
  }
}

/// Cosine that starts again after T₀, T₀·mult, T₀·mult², … `CosineAnnealingWarmRestarts`;
/// Loshchilov and Hutter, arXiv 1608.03983.
struct CosineWarmRestarts: ScheduleShape {
  static let name = "cosine-warm-restarts"
  let period: Double
  let multiplier: Double
  let floor: Double

  init(_ keys: inout ScheduleKeys) throws {
    period = try keys.period("t0")
    multiplier = try keys.number("mult", default: 1, in: "1 or more, finite") { $0 >= 1 }
    floor = try keys.floor("min")
  }

  func rate(_ t: Double, of total: Double, base: Double) -> Double {
    var current = t
    var length = period
    if multiplier == 1 {
      current = t.truncatingRemainder(dividingBy: period)
    } else {
      while current >= length {
        current -= length
        length *= multiplier
      }
    }
    return alongCosine(from: base, to: floor, current / length)
  }
}

/// lr₀·γ^(t mod period).
struct ExponentialWarmRestarts: ScheduleShape {
  static let name = "exponential-warm-restarts"
  let period: Double
  let gamma: Double

  init(_ keys: inout ScheduleKeys) throws {
    period = try keys.period("period")
    gamma = try keys.gamma(default: 0.95)
  }

  func rate(_ t: Double, of total: Double, base: Double) -> Double {
    base * pow(gamma, t.truncatingRemainder(dividingBy: period))
  }
}

/// Up from lr₀/div to lr₀ until t = pct·T − 1, then down to lr₀/(div·final-div) at t = T − 1, along
/// cosines; momentum (β₁) goes the other way where the optimizer has one. `OneCycleLR`; Smith and
/// Topin, arXiv 1708.07120.
struct OneCycle: ScheduleShape {
  static let name = "one-cycle"
  let rising: Double
  let division: Double
  let finalDivision: Double
  let isLinear: Bool
  /// From … to, at the peak; nil leaves momentum alone.
  let momenta: (low: Double, high: Double)?

  init(_ keys: inout ScheduleKeys) throws {
    rising = try keys.number("pct", default: 0.3, in: "0 … 1") { (0...1).contains($0) }
    division = try keys.number("div", default: 25, in: "1 or more, finite") { $0 >= 1 }
    finalDivision = try keys.number("final-div", default: 1e4, in: "1 or more, finite") { $0 >= 1 }
    isLinear = try keys.flag("linear", default: false)
    let low = try keys.momentum("low-momentum", default: 0.85)
    let high = try keys.momentum("high-momentum", default: 0.95)
    momenta = try keys.flag("momentum", default: true) ? (low, high) : nil
  }

  func rate(_ t: Double, of total: Double, base: Double) -> Double {
    let start = base / division
    return along(t, of: total, from: start, over: base, to: start / finalDivision)
  }

  func momentum(_ t: Double, of total: Double) -> Double? {
    momenta.map { along(t, of: total, from: $0.high, over: $0.low, to: $0.high) }
  }

  private func along(
    _ t: Double, of total: Double, from start: Double, over peak: Double, to end: Double
  ) -> Double {
    let top = rising * total - 1
    if t <= top { return anneal(start, peak, top > 0 ? t / top : 1) }
    let (from, length) = (max(0, top), total - 1 - max(0, top))
    return anneal(peak, end, length > 0 ? min(1, (t - from) / length) : 1)
  }

  private func anneal(_ start: Double, _ end: Double, _ share: Double) -> Double {
    isLinear ? start + (end - start) * share : alongCosine(from: start, to: end, share)
  }
}

/// Up from min to lr₀ in `up` units, down in `down`, for ever. `CyclicLR`, mode triangular; Smith,
/// arXiv 1506.01186.
struct Cyclic: ScheduleShape {
  static let name = "cyclic"
  let up: Double
  let down: Double
  let floor: Double

  init(_ keys: inout ScheduleKeys) throws {
    up = try keys.period("up")
    down = try keys.optionalPeriod("down") ?? up
    floor = try keys.floor("min")
  }

  func rate(_ t: Double, of total: Double, base: Double) -> Double {
    let place = t.truncatingRemainder(dividingBy: up + down)
    let height = place <= up ? place / up : (up + down - place) / down
    return floor + (base - floor) * height
  }
}

/// Half a cosine from one value to another, `share` of the way.
private func alongCosine(from start: Double, to end: Double, _ share: Double) -> Double {
  end + (start - end) * (1 + cos(.pi * share)) / 2
}

extension ScheduleKeys {
  fileprivate mutating func momentum(_ key: String, default standard: Double) throws -> Double {
    try number(key, default: standard, in: "0 ≤ momentum < 1") { $0 >= 0 && $0 < 1 }
  }
}
