import Basics
import Optimizers
import TestSupport
import Testing

@Suite struct OptimizerSettingsTests {
  /// A setting out of its range, and the words the refusal must have.
  struct BadSetting: Sendable {
    let name: String
    let optimizers: [String]
    let values: [Double]
    let change: @Sendable (inout HyperParameters, Double) -> Void
  }

  static let bad = [
    BadSetting(
      name: "momentum", optimizers: ["sgd", "momentum", "nesterov", "rmsprop"],
      values: [-0.1, 1, 2, .nan, .infinity]
    ) { $0.momentum = $1 },
    BadSetting(
      name: "dampening", optimizers: ["sgd", "momentum"], values: [-0.1, 1.1, .nan]
    ) { $0.dampening = $1 },
    BadSetting(name: "alpha", optimizers: ["rmsprop"], values: [-0.1, 1, .nan]) { $0.alpha = $1 },
    BadSetting(
      name: "eps", optimizers: ["rmsprop", "adam", "adamw"], values: [-1e-9, .infinity, .nan]
    ) { $0.epsilon = $1 },
    BadSetting(
      name: "betas", optimizers: ["adam", "adamw"], values: [-0.1, 1, .nan]
    ) { $0.betas = [$1, 0.9] },
    BadSetting(
      name: "betas", optimizers: ["adam", "adamw"], values: [-0.1, 1, .nan]
    ) { $0.betas = [0.9, $1] },
    BadSetting(
      name: "weight-decay", optimizers: OptimizerRegistry.names, values: [-1, .infinity, .nan]
    ) { $0.weightDecay = $1 },
  ]

  @Test(arguments: bad.indices) func refusesOutOfRange(_ index: Int) {
    let test = Self.bad[index]
    for optimizer in test.optimizers {
      for value in test.values {
        var settings = HyperParameters()
        test.change(&settings, value)
        let failure = failure { _ = try OptimizerRegistry.make(optimizer, settings) }
        #expect(failure?.kind == .usage, "\(optimizer), \(test.name) \(value)")
        #expect(failure?.message == "\(test.name): \(value) is out of range")
        #expect(failure?.remedy.hasPrefix("Expected ") == true)
      }
    }
  }

  /// A setting that the optimizer does not have is refused, not ignored.
  @Test(arguments: OptimizerRegistry.names) func refusesForeignSettings(_ name: String) {
    let settings: [(String, (inout HyperParameters) -> Void)] = [
      ("momentum", { $0.momentum = 0.5 }), ("dampening", { $0.dampening = 0.5 }),
      ("betas", { $0.betas = [0.9, 0.9] }), ("eps", { $0.epsilon = 1e-6 }),
      ("alpha", { $0.alpha = 0.5 }), ("centered", { $0.centered = true }),
      ("weight-decay", { $0.weightDecay = 0.1 }),
    ]
    var accepted: Set<String> = []
    for (setting, change) in settings {
      var given = HyperParameters()
      change(&given)
      if let failure = failure({ _ = try OptimizerRegistry.make(name, given) }) {
        #expect(failure.kind == .usage)
        #expect(failure.message.contains(setting) || failure.message.hasPrefix("nesterov"))
      } else {
        accepted.insert(setting)
      }
    }
    let expected: Set<String> =
      switch name {
      case "sgd", "momentum": ["momentum", "dampening", "weight-decay"]
      case "nesterov": ["momentum", "weight-decay"]
      case "rmsprop": ["alpha", "eps", "momentum", "centered", "weight-decay"]
      default: ["betas", "eps", "weight-decay"]
      }
    #expect(accepted == expected)
  }

  @Test func refusesTheRest() {
    var one = HyperParameters()
    one.betas = [0.9]
    var still = HyperParameters()
    still.momentum = 0
    #expect(failure { _ = try OptimizerRegistry.make("adam", one) }?.kind == .usage)
    #expect(failure { _ = try OptimizerRegistry.make("nesterov", still) }?.kind == .usage)
    let unknown = failure { _ = try OptimizerRegistry.make("adagard", HyperParameters()) }
    #expect(unknown?.kind == .usage)
    #expect(OptimizerRegistry.names.allSatisfy { unknown?.remedy.contains($0) == true })
  }

  @Test func defaultRatesArePyTorchs() {
    let rates = OptimizerRegistry.names.map { OptimizerRegistry.defaultLearningRate($0) }
    #expect(rates == [1e-3, 1e-3, 1e-3, 1e-2, 1e-3, 1e-3])
  }
}
