import Basics
import Optimizers
import TestSupport
import Testing

@Suite struct OptimizerSettingsTests {
  /// Which settings each optimizer has beside weight decay.
  static let settings: [String: Set<HyperParameter>] = [
    "sgd": [.momentum, .dampening], "momentum": [.momentum, .dampening],
    "nesterov": [.momentum, .dampening], "adagrad": [.lrDecay, .initialAccumulator, .eps],
    "adadelta": [.rho, .eps], "rmsprop": [.alpha, .eps, .momentum, .centered],
    "adam": [.betas, .eps, .amsgrad], "amsgrad": [.betas, .eps, .amsgrad],
    "adamw": [.betas, .eps, .amsgrad], "adamax": [.betas, .eps],
    "nadam": [.betas, .eps, .momentumDecay], "radam": [.betas, .eps],
    "rprop": [.etas, .stepSizes], "lion": [.betas], "lamb": [.betas, .eps],
    "lars": [.momentum, .trustCoefficient],
  ]

  /// In and out of the range of each.
  static func values(_ name: HyperParameter) -> (good: [[Double]], bad: [[Double]]) {
    switch name {
    case .momentum, .alpha, .rho: ([[0.5]], [[-0.1], [1], [2]])
    case .dampening: ([[0], [1]], [[-0.1], [1.1]])
    case .betas: ([[0, 0], [0.9, 0.99]], [[-0.1, 0.9], [1, 0.9], [0.9, -0.1], [0.9, 1]])
    case .etas: ([[0.1, 1.1]], [[0, 1.2], [1, 1.2], [0.5, 1], [0.5, 0.9]])
    case .stepSizes: ([[0.1, 0.1], [0.1, 1]], [[0, 1], [-1, 1], [1, 0.5]])
    case .centered, .amsgrad: ([[0], [1]], [[0.5], [2]])
    case .trustCoefficient: ([[1]], [[0], [-1]])
    case .eps, .lrDecay, .initialAccumulator, .momentumDecay, .weightDecay: ([[0], [1]], [[-1]])
    }
  }

  @Test(arguments: OptimizerRegistry.names, HyperParameter.allCases)
  func refusesWhatItCannotUse(_ optimizer: String, name: HyperParameter) throws {
    let (good, bad) = Self.values(name)
    let own = try #require(Self.settings[optimizer]).union([.weightDecay])
    func refusal(_ value: [Double]) -> Failure? {
      var settings = HyperParameters()
      settings[name] = value
      return failure { _ = try OptimizerRegistry.make(optimizer, settings) }
    }
    guard own.contains(name) else {
      // Refused, not ignored.
      for value in good {
        let refused = refusal(value)
        #expect(refused?.kind == .usage)
        #expect(
          refused?.message == "\(name.rawValue): the optimizer \(optimizer) has no such setting")
        #expect(own.allSatisfy { refused?.remedy.contains($0.rawValue) == true })
      }
      return
    }
    // Nesterov's has no dampening but none at all.
    for value in good where !(optimizer == "nesterov" && value == [1]) {
      #expect(refusal(value) == nil, "\(value)")
    }
    let notFinite = good[0].indices.flatMap { place in
      [Double.nan, .infinity, -.infinity].map { value in
        var values = good[0]
        values[place] = value
        return values
      }
    }
    for value in bad + notFinite {
      let refused = refusal(value)
      let words = value.map { "\($0)" }.joined(separator: ",")
      #expect(refused?.kind == .usage, "\(value)")
      #expect(refused?.message == "\(name.rawValue): \(words) is out of range")
      #expect(refused?.remedy == "Expected \(name.range).")
    }
    #expect(refusal([0.5, 0.5, 0.5])?.message.contains("expected \(name.count) number") == true)
  }

  @Test func refusesTheRest() {
    var still = HyperParameters()
    still[.momentum] = [0]
    #expect(failure { _ = try OptimizerRegistry.make("nesterov", still) }?.kind == .usage)
    let unknown = failure { _ = try OptimizerRegistry.make("adagard", HyperParameters()) }
    #expect(unknown?.kind == .usage)
    #expect(OptimizerRegistry.names.allSatisfy { unknown?.remedy.contains($0) == true })
  }

  @Test func defaultRatesArePyTorchs() {
    let rates = Dictionary(
      uniqueKeysWithValues: OptimizerRegistry.names.map {
        ($0, OptimizerRegistry.defaultLearningRate($0))
      })
    #expect(
      rates == [
        "sgd": 1e-3, "momentum": 1e-3, "nesterov": 1e-3, "adagrad": 1e-2, "adadelta": 1,
        "rmsprop": 1e-2, "adam": 1e-3, "amsgrad": 1e-3, "adamw": 1e-3, "adamax": 2e-3,
        "nadam": 2e-3, "radam": 1e-3, "rprop": 1e-2, "lion": 1e-4, "lamb": 1e-3, "lars": 1,
      ])
  }
}
