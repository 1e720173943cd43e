import Glibc

// Rates that only fall. Sources: the classes of `torch.optim.lr_scheduler` named with each.

/// lr₀. `ConstantLR` with factor 1.
struct Constant: ScheduleShape {
  static let name = "constant"
  init(_ keys: inout ScheduleKeys) {}
  func rate(_ t: Double, of total: Double, base: Double) -> Double { base }
}

/// lr₀·(start + (end − start)·min(t, T)/T). `LinearLR`.
struct Linear: ScheduleShape {
  static let name = "linear"
  let start: Double
  let end: Double

  init(_ keys: inout ScheduleKeys) throws {
    start = try keys.number("start", default: 1, in: "0 or more, finite") { $0 >= 0 }
    end = try keys.number("end", default: 0, in: "0 or more, finite") { $0 >= 0 }
  }

  func rate(_ t: Double, of total: Double, base: Double) -> Double {
    base * (start + (end - start) * min(t, total) / total)
  }
}

/// lr₀·γᵗ. `ExponentialLR`.
struct Exponential: ScheduleShape {
  static let name = "exponential"
  let gamma: Double
  init(_ keys: inout ScheduleKeys) throws { gamma = try keys.gamma(default: 0.95) }
  func rate(_ t: Double, of total: Double, base: Double) -> Double { base * pow(gamma, t) }
}

/// lr₀·e^(−λt): the textbooks' form.
struct ExponentialDecay: ScheduleShape {
  static let name = "exponential-decay"
  let lambda: Double

  init(_ keys: inout ScheduleKeys) throws {
    lambda = try keys.number("rate", default: 0.01, in: "0 or more, finite") { $0 >= 0 }
  }

  func rate(_ t: Double, of total: Double, base: Double) -> Double { base * exp(-lambda * t) }
}

/// lr₀·γ^⌊t/size⌋. `StepLR`.
struct StepDecay: ScheduleShape {
  static let name = "step"
  let size: Double
  let gamma: Double

  init(_ keys: inout ScheduleKeys) throws {
    size = try keys.period("size")
    gamma = try keys.gamma(default: 0.1)
  }

  func rate(_ t: Double, of total: Double, base: Double) -> Double {
    base * pow(gamma, (t / size).rounded(.down))
  }
}

/// lr₀·γ^(milestones reached). `MultiStepLR`.
struct MultiStep: ScheduleShape {
  static let name = "multistep"
  let milestones: [Double]
  let gamma: Double

  init(_ keys: inout ScheduleKeys) throws {
    milestones = try keys.milestones("at")
    gamma = try keys.gamma(default: 0.1)
  }

  func rate(_ t: Double, of total: Double, base: Double) -> Double {
    base * pow(gamma, Double(milestones.count { $0 <= t }))
  }
}

/// lr₀·(1 − min(t, T)/T)^power. `PolynomialLR`.
struct Polynomial: ScheduleShape {
  static let name = "polynomial"
  let power: Double

  init(_ keys: inout ScheduleKeys) throws {
    power = try keys.number("power", default: 1, in: "above 0, finite") { $0 > 0 }
  }

  func rate(_ t: Double, of total: Double, base: Double) -> Double {
    base * pow(1 - min(t, total) / total, power)
  }
}

/// lr₀/(1 + λt): Robbins and Monro's condition. Keras' `InverseTimeDecay`.
struct InverseTime: ScheduleShape {
  static let name = "inverse-time"
  let lambda: Double

  init(_ keys: inout ScheduleKeys) throws {
    lambda = try keys.number("rate", default: 0.01, in: "0 or more, finite") { $0 >= 0 }
  }

  func rate(_ t: Double, of total: Double, base: Double) -> Double { base / (1 + lambda * t) }
}

/// lr₀·min((t + 1)/w, √(w/(t + 1))) with a warm-up w of its own. Vaswani et al., arXiv 1706.03762,
/// section 5.3 ("Noam"), scaled so that the peak is lr₀.
struct InverseSquareRoot: ScheduleShape {
  static let name = "inverse-sqrt"
  let warmup: Double
  init(_ keys: inout ScheduleKeys) throws { warmup = try keys.period("warmup") }

  func rate(_ t: Double, of total: Double, base: Double) -> Double {
    base * min((t + 1) / warmup, (warmup / (t + 1)).squareRoot())
  }
}

/// lr₀, and lr₀·(1 − (1 − end)·√x) over the last part of the piece, x from 0 to 1 (by default the
/// last fifth). Hägele et al., arXiv 2405.18392.
struct WarmupStableDecay: ScheduleShape {
  static let name = "wsd"
  let decay: Double?
  let end: Double

  init(_ keys: inout ScheduleKeys) throws {
    decay = try keys.optionalPeriod("decay")
    end = try keys.number("end", default: 0, in: "0 … 1") { (0...1).contains($0) }
  }

  func rate(_ t: Double, of total: Double, base: Double) -> Double {
    let decay = min(decay ?? 0.2 * total, total)
    let x = max(0, min(1, (t - (total - decay)) / decay))
    return base * (1 - (1 - end) * x.squareRoot())
  }
}
