import Optimizers
import TestSupport
import Testing

@Suite struct ConvergenceTests {
  /// f = Σ hᵢ·pᵢ²/2 with curvatures from 1 down to 1/100.
  private static let curvature = (0..<20).map { Float(1) / (1 + Float($0) / 19 * 99) }

  private static func bowl(_ p: [Float]) -> (loss: Float, gradient: [Float]) {
    let gradient = zip(curvature, p).map { $0 * $1 }
    return (zip(gradient, p).reduce(0) { $0 + $1.0 * $1.1 / 2 }, gradient)
  }

  /// f = (1 − x)² + 100·(y − x²)²: a bent, narrow valley, with its minimum at (1, 1).
  private static func rosenbrock(_ p: [Float]) -> (loss: Float, gradient: [Float]) {
    let (x, y) = (p[0], p[1])
    let off = y - x * x
    return ((1 - x) * (1 - x) + 100 * off * off, [-2 * (1 - x) - 400 * x * off, 200 * off])
  }

  /// Rates that suit the two functions: the rest of each case's settings are its own.
  private static func rates(_ test: OptimizerCase) -> (bowl: Double, rosenbrock: Double) {
    switch test.optimizer {
    case "sgd": (1, 1e-3)
    case "momentum", "nesterov": (0.05, 1e-4)
    case "adagrad": (0.5, 0.5)
    case "adadelta": (test.rate, 10)
    case "lars": (test.rate, 1)
    // Its first steps are the gradient's, and long.
    case "radam": (test.rate, 3e-3)
    default: (test.rate, test.rate)
    }
  }

  @Test(arguments: OptimizerCase.all) func anIllConditionedBowl(_ test: OptimizerCase) throws {
    let start = (0..<20).map { Float($0 % 3) - 0.5 }
    let end = try minimize(test, Self.bowl, from: start, rate: Self.rates(test).bowl)
    #expect(end < 1e-3 * Self.bowl(start).loss)
  }

  /// Each optimizer as it is by default: decay would pull from the minimum.
  @Test(arguments: OptimizerCase.all.filter { $0.name == $0.optimizer })
  func rosenbrocksValley(_ test: OptimizerCase) throws {
    let end = try minimize(
      test, Self.rosenbrock, from: [-1, 1], rate: Self.rates(test).rosenbrock)
    #expect(end < 0.05)
  }

  /// The loss after 5000 steps; the rate falls to nothing, or the adaptive ones would circle the
  /// minimum.
  private func minimize(
    _ test: OptimizerCase, _ function: ([Float]) -> (loss: Float, gradient: [Float]),
    from start: [Float], rate: Double
  ) throws -> Float {
    let run = try FlatRun(test, parameters: start)
    let steps = 5000
    for step in 0..<steps {
      run.update(
        function(run.parameters).gradient, step: step,
        rate: rate * Double(steps - step) / Double(steps))
    }
    return function(run.parameters).loss
  }
}
