import Basics

/// A setting of optimizers beside the learning rate, by the name of its option.
package enum HyperParameter: String, CaseIterable, Sendable {
  case momentum, dampening, betas, eps, alpha, rho, centered, amsgrad, etas
  case stepSizes = "step-sizes"
  case lrDecay = "lr-decay"
  case initialAccumulator = "initial-accumulator"
  case momentumDecay = "momentum-decay"
  case trustCoefficient = "trust-coefficient"
  case weightDecay = "weight-decay"

  /// How many numbers make a value.
  package var count: Int {
    switch self {
    case .betas, .etas, .stepSizes: 2
    default: 1
    }
  }

  /// Whether it is on or off, 1 or 0.
  package var isSwitch: Bool { self == .centered || self == .amsgrad }

  package var range: String {
    switch self {
    case .momentum, .alpha, .rho: "0 ≤ \(rawValue) < 1"
    case .dampening: "0 to 1"
    case .betas: "0 ≤ β < 1"
    case .etas: "0 < η⁻ < 1 < η⁺, finite"
    case .stepSizes: "0 < smallest ≤ largest, finite"
    case .centered, .amsgrad: "true or false"
    case .trustCoefficient: "above 0, finite"
    case .eps, .lrDecay, .initialAccumulator, .momentumDecay, .weightDecay: "0 or more, finite"
    }
  }

  /// Whether `value`, of `count` numbers, lies in the range; NaN lies in none.
  func accepts(_ value: [Double]) -> Bool {
    guard value.allSatisfy(\.isFinite) else { return false }
    switch self {
    case .momentum, .alpha, .rho, .betas: return value.allSatisfy { $0 >= 0 && $0 < 1 }
    case .dampening: return value[0] >= 0 && value[0] <= 1
    case .etas: return value[0] > 0 && value[0] < 1 && value[1] > 1
    case .stepSizes: return value[0] > 0 && value[0] <= value[1]
    case .centered, .amsgrad: return value[0] == 0 || value[0] == 1
    case .trustCoefficient: return value[0] > 0
    case .eps, .lrDecay, .initialAccumulator, .momentumDecay, .weightDecay: return value[0] >= 0
    }
  }
}

/// What a user has set; the rest takes the optimizer's own defaults.
package struct HyperParameters: Sendable, Equatable {
  private var values: [HyperParameter: [Double]] = [:]

  package init() {}

  package subscript(name: HyperParameter) -> [Double]? {
    get { values[name] }
    set { values[name] = newValue }
  }

  /// The values an optimizer works with: its defaults, and what is set in place of them.
  ///
  /// - Parameter defaults: every setting the optimizer has.
  /// - Throws: `Failure.usage` for a setting it does not have or a value out of range.
  func values(
    for optimizer: String, defaults: [HyperParameter: [Double]]
  ) throws -> OptimizerValues {
    for name in HyperParameter.allCases {
      guard let value = values[name] else { continue }
      guard defaults[name] != nil else {
        throw Failure.usage(
          "\(name.rawValue): the optimizer \(optimizer) has no such setting",
          remedy: "It has: \(defaults.keys.map(\.rawValue).sorted().joined(separator: ", ")).")
      }
      guard value.count == name.count else {
        throw Failure.usage(
          "\(name.rawValue): expected \(name.count) numbers, found \(value.count)")
      }
      guard name.accepts(value) else {
        throw Failure.usage(
          "\(name.rawValue): \(value.map { "\($0)" }.joined(separator: ",")) is out of range",
          remedy: "Expected \(name.range).")
      }
    }
    return OptimizerValues(values: defaults.merging(values) { $1 })
  }
}

/// An optimizer's settings, complete and checked.
struct OptimizerValues {
  fileprivate let values: [HyperParameter: [Double]]

  /// The one number of a setting that the optimizer has.
  subscript(name: HyperParameter) -> Double { pair(name)[0] }

  func pair(_ name: HyperParameter) -> [Double] {
    guard let value = values[name] else { preconditionFailure("no default for \(name)") }
    return value
  }

  func isOn(_ name: HyperParameter) -> Bool { self[name] == 1 }
}
