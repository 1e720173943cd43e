import Basics

/// One update rule on flat slices, with explicit state.
///
/// State lies in named slots of arenas laid out like the parameters, so checkpoints and slicing
/// know nothing of the kind. What depends on the step number is worked out once, on rank 0, and
/// travels to every rank as `StepScalars`.
package protocol Optimizer: Sendable {
  /// The command line's name for it.
  var name: String { get }
  /// PyTorch's names of the state arrays: `exp_avg`, `exp_avg_sq`, …
  var stateNames: [String] { get }

  /// What the update of step `step` (0 for the first) needs beside the settings.
  func scalars(step: Int, learningRate: Double) -> StepScalars

  /// Updates `count` parameters in place.
  /// - Parameters:
  ///   - gradient: mean, with penalties, clipped.
  ///   - state: one pointer a state name, at the same offset as `parameters`.
  ///   - decays: whether weight decay applies to these parameters.
  func update(
    parameters: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>,
    state: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int, scalars: StepScalars,
    decays: Bool)
}

/// Numbers of one step, the same bits on every rank. Which are used depends on the optimizer.
package struct StepScalars: BitwiseCopyable, Sendable, Equatable {
  package var learningRate: Float = 0
  /// Adam: learning rate / (1 − β₁ᵗ).
  package var stepSize: Float = 0
  /// Adam: √(1 − β₂ᵗ).
  package var secondCorrection: Float = 1
  /// Decoupled weight decay: 1 − learning rate · weight decay.
  package var shrink: Float = 1
  package var isFirstStep: Bool = false

  package init() {}
}

/// What a user may set; nil takes the optimizer's own default.
package struct HyperParameters: Sendable, Equatable {
  package var momentum: Double?
  package var dampening: Double?
  package var betas: [Double]?
  package var epsilon: Double?
  package var alpha: Double?
  package var centered: Bool?
  package var weightDecay: Double?

  package init() {}

  /// Throws for the first setting that is given but not in `allowed`.
  func refuse(except allowed: Set<String>, optimizer: String) throws {
    let given: [(String, Bool)] = [
      ("momentum", momentum != nil), ("dampening", dampening != nil), ("betas", betas != nil),
      ("eps", epsilon != nil), ("alpha", alpha != nil), ("centered", centered != nil),
      ("weight-decay", weightDecay != nil),
    ]
    for (name, isGiven) in given where isGiven && !allowed.contains(name) {
      throw Failure.usage(
        "\(name): the optimizer \(optimizer) has no such setting",
        remedy: "It has: \(allowed.sorted().joined(separator: ", ")).")
    }
  }
}

/// Checks one number against its range; NaN is in no range.
func checked(
  _ name: String, _ value: Double, in range: String, _ isValid: (Double) -> Bool
) throws -> Double {
  guard isValid(value) else {
    throw Failure.usage("\(name): \(value) is out of range", remedy: "Expected \(range).")
  }
  return value
}

/// The optimizers that go by name.
package enum OptimizerRegistry {
  package static let names = ["sgd", "momentum", "nesterov", "rmsprop", "adam", "adamw"]

  /// PyTorch's default rate of each.
  package static func defaultLearningRate(_ name: String) -> Double {
    name == "rmsprop" ? 1e-2 : 1e-3
  }

  /// - Throws: `Failure.usage` naming the setting, its value and its range.
  package static func make(_ name: String, _ settings: HyperParameters) throws -> any Optimizer {
    switch name {
    case "sgd", "momentum", "nesterov": return try SGD(name: name, settings)
    case "rmsprop": return try RMSprop(settings)
    case "adam", "adamw": return try Adam(name: name, settings)
    default:
      throw Failure.usage(
        "optimizer: '\(name)' is not known",
        remedy: "Optimizers: \(names.joined(separator: ", ")).")
    }
  }
}
