import Basics
import Optimizers
import TestSupport
import Testing

@Suite struct OptimizerTests {
  @Test func everyOptimizerIsTested() {
    #expect(Set(OptimizerCase.all.map(\.optimizer)) == Set(OptimizerRegistry.names))
  }

  @Test(arguments: OptimizerCase.all) func followsPyTorch(_ test: OptimizerCase) throws {
    let golden = try Golden("optimizers")
    let run = try FlatRun(test, parameters: golden["p0"])
    for step in 0..<golden.shape("grads")[0] {
      run.update(golden.row("grads", step), step: step)
      let error = relativeError(run.parameters, golden.row(test.name, step))
      #expect(error <= 2e-6, "step \(step)")
    }
  }

  /// A slice may start anywhere and have any length: the vector loop's tail has the same bits.
  @Test(arguments: OptimizerCase.all, [[], [500], [1, 700], [3, 16, 17, 64, 499, 500, 1002]])
  func slicesDoNotChangeBits(_ test: OptimizerCase, borders: [Int]) throws {
    let count = 1003
    let start = randomValues(count, stream: 0)
    let whole = try FlatRun(test, parameters: start)
    let sliced = try FlatRun(test, parameters: start)
    for step in 0..<6 {
      let gradient = randomValues(count, stream: UInt64(step + 1), scale: 0.1)
      whole.update(gradient, step: step)
      sliced.update(gradient, step: step, borders: borders)
    }
    #expect(sameBits(whole.parameters, sliced.parameters))
    #expect(zip(whole.state, sliced.state).allSatisfy { sameBits($0, $1) })
  }

  @Test(arguments: OptimizerCase.all) func stateIsAllThatIsRemembered(_ test: OptimizerCase) throws
  {
    let count = 37
    let gradients = (0..<12).map { randomValues(count, stream: $0, scale: 0.1) }
    let straight = try FlatRun(test, parameters: randomValues(count, stream: 99))
    var resumed = try FlatRun(test, parameters: straight.parameters)
    for (step, gradient) in gradients.enumerated() {
      if step == 5 {
        resumed = try FlatRun(test, parameters: resumed.parameters, state: resumed.state)
      }
      straight.update(gradient, step: step)
      resumed.update(gradient, step: step)
    }
    #expect(sameBits(straight.parameters, resumed.parameters))
    #expect(straight.state.count == straight.optimizer.stateNames.count)
  }

  /// f = Σ hᵢ·pᵢ²/2 with curvatures from 1 down to 1/100.
  @Test(arguments: OptimizerCase.all) func convergesOnAnIllConditionedBowl(
    _ test: OptimizerCase
  ) throws {
    let curvature = (0..<20).map { Float(1) / (1 + Float($0) / 19 * 99) }
    func loss(_ p: [Float]) -> Float { zip(curvature, p).reduce(0) { $0 + $1.0 * $1.1 * $1.1 / 2 } }
    let run = try FlatRun(test, parameters: (0..<20).map { Float($0 % 3) - 0.5 })
    let rate = test.name == "sgd" ? 1 : test.rate
    let first = loss(run.parameters)
    for step in 0..<3000 {
      let gradient = zip(curvature, run.parameters).map { $0 * $1 }
      // The rate falls to nothing, or the adaptive ones would circle the minimum.
      run.update(gradient, step: step, rate: rate * Double(3000 - step) / 3000)
    }
    #expect(loss(run.parameters) < 1e-3 * first)
  }

  @Test(arguments: OptimizerCase.all) func weightDecayCanBeLeftOut(_ test: OptimizerCase) throws {
    let run = try FlatRun(test, parameters: [1, -2])
    run.update([0, 0], step: 0, decays: false)
    #expect(run.parameters == [1, -2])
    run.update([0, 0], step: 0)
    #expect((run.parameters == [1, -2]) == (!test.decays))
  }
}
