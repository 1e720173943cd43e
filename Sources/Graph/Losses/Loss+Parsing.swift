import Basics

extension Loss {
  /// What the data gives a loss to compare with.
  package enum Targets: Sendable, Equatable {
    case classes(count: Int)
    case values(width: Int)
  }

  /// The losses that go by name.
  package static let names = [
    "cross-entropy", "hinge", "kl", "bce", "mse", "half-mse", "mae", "huber", "smooth-l1",
    "perceptron",
  ]

  /// Reads `NAME[:key=value]`.
  ///
  /// Values are distributions to cross-entropy and KL. Classes are one-hot values to every loss
  /// that does not take them as they are: the quadratic cost of the textbooks, one-vs-rest BCE.
  ///
  /// - Throws: `Failure.usage` naming the key, its value and its range.
  package init(parsing text: String, settings: ClassSettings, targets: Targets) throws {
    var options = try NamedOptions(parsing: text, option: "loss")
    let hasClasses = if case .classes = targets { true } else { false }
    switch options.name {
    case "cross-entropy":
      self =
        hasClasses ? .classes(.crossEntropy(settings)) : .distributions(.crossEntropy(settings))
    case "hinge":
      self = .classes(.hinge(margin: try options.positive("margin")))
    case "perceptron": self = .classes(.perceptron)
    case "kl": self = .distributions(.divergence)
    case "bce": self = .elements(.binaryCrossEntropy)
    case "mse": self = .elements(.squared)
    case "half-mse": self = .elements(.halfSquared)
    case "mae": self = .elements(.absolute)
    case "huber": self = .elements(.huber(delta: try options.positive("delta")))
    case "smooth-l1": self = .elements(.smoothL1(beta: try options.positive("beta")))
    default:
      throw Failure.usage(
        "loss: '\(options.name)' is not known",
        remedy: "Losses: \(Loss.names.joined(separator: ", ")).")
    }
    try options.finish()
    try check(settings, named: options.name, targets)
  }

  private func check(_ settings: ClassSettings, named name: String, _ targets: Targets) throws {
    if settings.smoothing != 0 || settings.weights != nil, name != "cross-entropy" {
      let option = settings.weights == nil ? "label-smoothing" : "class-weights"
      throw Failure.usage(
        "\(option): the loss \(name) has no such setting", remedy: "cross-entropy has.")
    }
    switch (self, targets) {
    case (.classes, .values):
      throw Failure.usage(
        "loss: \(name) needs classes, the targets are values", remedy: "Use mse for these targets.")
    case (.distributions, .values(let width)) where width < 2:
      throw Failure.usage(
        "loss: \(name) needs a probability for each of several classes, the target is one value",
        remedy: "Use bce for one probability, mse for a value.")
    case (_, .classes(let count)):
      if let weights = settings.weights, weights.count != count {
        throw Failure.usage(
          "class-weights: \(weights.count) weights",
          remedy: "Expected one for each of \(count) classes.")
      }
    default: break
    }
  }
}

extension NamedOptions {
  fileprivate mutating func positive(_ key: String) throws -> Double {
    try number(key, default: 1, in: "above 0, finite") { $0 > 0 }
  }
}
