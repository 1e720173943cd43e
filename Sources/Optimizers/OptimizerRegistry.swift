import Basics

/// The optimizers that go by name.
package enum OptimizerRegistry {
  package static let names = [
    "sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "amsgrad", "adamw",
    "adamax", "nadam", "radam", "rprop", "lion", "lamb", "lars",
  ]

  /// PyTorch's default rate of each; for those it does not have, what their authors' code has.
  package static func defaultLearningRate(_ name: String) -> Double {
    switch name {
    case "adadelta", "lars": 1
    case "adagrad", "rmsprop", "rprop": 1e-2
    case "adamax", "nadam": 2e-3
    case "lion": 1e-4
    default: 1e-3
    }
  }

  /// - Throws: `Failure.usage` naming the setting, its value and its range.
  package static func make(_ name: String, _ settings: HyperParameters) throws -> any Optimizer {
    switch name {
    case "sgd", "momentum", "nesterov": return try SGD(name: name, settings)
    case "adagrad": return try Adagrad(settings)
    case "adadelta": return try Adadelta(settings)
    case "rmsprop": return try RMSprop(settings)
    case "adam", "amsgrad", "adamw": return try Adam(name: name, settings)
    case "adamax": return try Adamax(settings)
    case "nadam": return try NAdam(settings)
    case "radam": return try RAdam(settings)
    case "rprop": return try Rprop(settings)
    case "lion": return try Lion(settings)
    case "lamb": return try LAMB(settings)
    case "lars": return try LARS(settings)
    default:
      throw Failure.usage(
        "optimizer: '\(name)' is not known",
        remedy: "Optimizers: \(names.joined(separator: ", ")).")
    }
  }
}
