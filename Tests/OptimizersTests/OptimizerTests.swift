import Basics
import Glibc
import Optimizers
import TestSupport
import Testing

/// Every test runs over every case, and every optimizer has a case: none can be registered without
/// its golden, slicing, resume and convergence rows.
@Suite struct OptimizerTests {
  @Test func everyOptimizerIsTested() throws {
    #expect(Set(OptimizerCase.all.map(\.optimizer)) == Set(OptimizerRegistry.names))
    // … and every golden tensor is used.
    for file in ["optimizers", "optimizers-more"] {
      let names = try Golden(file).tensors.keys.filter { $0 != "p0" && $0 != "grads" }
      #expect(
        names.sorted() == OptimizerCase.all.filter { $0.file == file }.map(\.name).sorted())
    }
  }

  @Test(arguments: OptimizerCase.all) func followsPyTorch(_ test: OptimizerCase) throws {
    let start = try Golden("optimizers")
    let golden = try Golden(test.file)
    let run = try FlatRun(test, parameters: start["p0"])
    var worst = 0.0
    for step in 0..<start.shape("grads")[0] {
      run.update(start.row("grads", step), step: step)
      let error = relativeError(run.parameters, golden.row(test.name, step))
      #expect(error <= 2e-6, "step \(step)")
      worst = max(worst, error)
    }
    print("golden optimizer=\(test.name) worst_relative_error=\(worst)")
  }

  /// A slice may start anywhere and have any length: the vector loop's tail has the same bits.
  @Test(
    arguments: OptimizerCase.all,
    [
      [], [501], [334, 668], [125, 251, 376, 501, 627, 752, 878], [3, 16, 17, 64, 499, 500, 1002],
    ])
  func slicesDoNotChangeBits(_ test: OptimizerCase, borders: [Int]) throws {
    let count = 1003
    let start = randomValues(count, stream: 0)
    let whole = try FlatRun(test, parameters: start)
    let sliced = try FlatRun(test, parameters: start)
    for step in 0..<7 {
      let gradient = randomValues(count, stream: UInt64(step + 1), scale: 0.1)
      whole.update(gradient, step: step)
      sliced.update(gradient, step: step, borders: borders)
    }
    #expect(sameBits(whole.parameters, sliced.parameters))
    #expect(zip(whole.state, sliced.state).allSatisfy { sameBits($0, $1) })
  }

  /// An optimizer made anew goes on from the state arrays and the step's number alone, from
  /// behind the first step as well.
  @Test(arguments: OptimizerCase.all, [1, 5])
  func stateIsAllThatIsRemembered(_ test: OptimizerCase, stop: Int) throws {
    let count = 37
    let gradients = (0..<12).map { randomValues(count, stream: $0, scale: 0.1) }
    let straight = try FlatRun(test, parameters: randomValues(count, stream: 99))
    var resumed = try FlatRun(test, parameters: straight.parameters)
    for (step, gradient) in gradients.enumerated() {
      if step == stop {
        resumed = try FlatRun(test, parameters: resumed.parameters, state: resumed.state)
      }
      straight.update(gradient, step: step)
      resumed.update(gradient, step: step)
    }
    #expect(sameBits(straight.parameters, resumed.parameters))
    #expect(straight.state.count == straight.optimizer.stateNames.count)
    #expect(straight.state.allSatisfy { $0.contains { $0 != 0 } }, "a state that is never used")
  }

  @Test(arguments: OptimizerCase.all) func weightDecayIsTheBlocks(_ test: OptimizerCase) throws {
    func moved(weightDecay: Double?) throws -> [Float] {
      let run = try FlatRun(test, parameters: [1, -2])
      run.update([1e-3, 1e-3], step: 0, rate: 0.1, weightDecay: weightDecay)
      return run.parameters
    }
    let without = try moved(weightDecay: 0)
    #expect(try moved(weightDecay: 0.5) != without)
    let own = try OptimizerRegistry.make(test.optimizer, test.settings).weightDecay
    #expect(try (moved(weightDecay: nil) == without) == (own == 0))
  }

  /// A group's factor is a factor of the rate, which the moves follow.
  @Test(arguments: OptimizerCase.all) func rateFactorScalesTheRate(_ test: OptimizerCase) throws {
    let start = randomValues(37, stream: 1)
    let plain = try FlatRun(test, parameters: start)
    let scaled = try FlatRun(test, parameters: start)
    let faster = try FlatRun(test, parameters: start)
    for step in 0..<8 {
      let gradient = randomValues(37, stream: UInt64(step + 2), scale: 0.1)
      plain.update(gradient, step: step, rate: test.rate / 4)
      scaled.update(gradient, step: step, rateFactor: 0.25)
      faster.update(gradient, step: step)
    }
    #expect(sameBits(plain.parameters, scaled.parameters))
    let moves = [plain, faster].map { run in
      zip(run.parameters, start).reduce(0) { $0 + abs($1.0 - $1.1) }
    }
    #expect(moves[0] > 0 && moves[1] > 1.5 * moves[0])
  }

  /// PyTorch multiplies step after step; here the product is a function of the step's number.
  @Test(arguments: [4e-3, 0, 1e-9, 0.5, 1e3]) func nadamsProductIsExact(_ decay: Double) throws {
    var settings = HyperParameters()
    settings[.momentumDecay] = [decay]
    settings[.betas] = [0.99, 0.999]
    let nadam = try OptimizerRegistry.make("nadam", settings)
    func momentum(_ t: Int) -> Double {
      0.99 * (1 - 0.5 * pow(0.96, Double(t) * decay))
    }
    var product = 1.0
    for step in 0..<2000 {
      product *= momentum(step + 1)
      let scalars = nadam.scalars(step: step, learningRate: 1)
      let moment = momentum(step + 2) / (1 - product * momentum(step + 2))
      #expect(
        relativeError([scalars.momentFactor], [moment]) <= 1e-12
          && relativeError([scalars.gradientFactor], [(1 - momentum(step + 1)) / (1 - product)])
            <= 1e-12,
        "step \(step)")
    }
  }
}
