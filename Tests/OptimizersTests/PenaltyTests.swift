import Basics
import Optimizers
import TestSupport
import Testing

@Suite struct PenaltyTests {
  private struct LeastSquares: Decodable {
    struct FullBatch: Decodable {
      let X: [[Float]]
      let y: [Float]
      let lr: Double
      let theta_after: [String: [Float]]
    }
    struct Regularized: Decodable {
      let lam: Double
      let alpha: Double
      let start: [Float]
      let theta_after_100: [Float]
    }
    let full_batch: FullBatch
    let regularized: [String: Regularized]
  }

  private let reference: LeastSquares

  init() throws { reference = try Golden.json("least-squares", as: LeastSquares.self) }

  /// Gradient descent on mean((Xθ − y)²) + penalty.
  private func descend(from start: [Float], penalty: Penalty, steps: Int) throws -> [Float] {
    let problem = reference.full_batch
    let sgd = OptimizerCase("sgd", "sgd", rate: problem.lr)
    let run = try FlatRun(sgd, parameters: start)
    for step in 0..<steps {
      let theta = run.parameters
      var gradient: [Float] = [0, 0]
      for (row, target) in zip(problem.X, problem.y) {
        let residual = row[0] * theta[0] + row[1] * theta[1] - target
        for axis in 0..<2 { gradient[axis] += 2 * residual * row[axis] / Float(problem.X.count) }
      }
      penalty.addGradient(to: &gradient, at: theta, count: 2)
      run.update(gradient, step: step)
    }
    return run.parameters
  }

  @Test(arguments: ["1", "10", "100"]) func plainDescent(_ steps: String) throws {
    let theta = try descend(from: [0, 0], penalty: Penalty(), steps: #require(Int(steps)))
    #expect(relativeError(theta, try #require(reference.full_batch.theta_after[steps])) <= 1e-5)
  }

  @Test(arguments: ["l1", "l2", "elastic"]) func penalizedDescent(_ name: String) throws {
    let test = try #require(reference.regularized[name])
    let net = Penalty.elasticNet(lambda: test.lam, alpha: test.alpha)
    let penalty =
      switch name {
      case "l1": Penalty(l1: test.lam)
      case "l2": Penalty(l2: test.lam)
      default: net
      }
    #expect(penalty == net)
    let theta = try descend(from: test.start, penalty: penalty, steps: 100)
    #expect(relativeError(theta, test.theta_after_100) <= 1e-5)
  }

  @Test func valueAndGradientAgree() {
    let penalty = Penalty(l1: 0.3) + Penalty(l2: 0.7) + .elasticNet(lambda: 1, alpha: 0.25)
    #expect(abs(penalty.l1 - 0.55) < 1e-15 && abs(penalty.l2 - 1.45) < 1e-15)
    let theta: [Float] = [-2, -0.5, 0, 0.25, 3]
    let expected = 0.55 * 5.75 + 1.45 / 2 * (4 + 0.25 + 0.0625 + 9)
    #expect(abs(penalty.value(of: theta, count: 5) - expected) < 1e-12)
    var gradient: [Float] = [1, 1, 1, 1, 1]
    penalty.addGradient(to: &gradient, at: theta, count: 5)
    let exact: [Float] = [1 - 0.55 - 2.9, 1 - 0.55 - 0.725, 1, 1 + 0.55 + 0.3625, 1 + 0.55 + 4.35]
    #expect(relativeError(gradient, exact) <= 1e-6)
    #expect(gradient[2] == 1, "the subgradient of |θ| at 0 is 0")
  }

  @Test func noPenaltyIsInactive() {
    #expect(!Penalty().isActive)
    #expect(Penalty(l1: 1).isActive && Penalty(l2: 1).isActive)
  }
}
