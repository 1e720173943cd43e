import Optimizers
import TestSupport
import Testing

/// Rate and momentum moved together, against PyTorch's `OneCycleLR(optimizer, 2·lr, 25)`.
@Suite struct MomentumScheduleTests {
  static let cases = [
    OptimizerCase("momentum", "momentum", rate: 0.1),
    OptimizerCase("nesterov", "nesterov", rate: 0.1),
    OptimizerCase("rmsprop", "rmsprop", rate: 0.01, [.momentum: [0.9]]),
    OptimizerCase("adam", "adam", rate: 0.01), OptimizerCase("adamw", "adamw", rate: 0.01),
    OptimizerCase("adamax", "adamax", rate: 0.01), OptimizerCase("radam", "radam", rate: 0.01),
  ]

  /// Momentum counts for exactly those that say so; any other would drop it without a word.
  @Test(arguments: OptimizerCase.all) func followsMomentum(_ test: OptimizerCase) throws {
    let start = try Golden("optimizers")
    func parameters(momentum: Double?) throws -> ([Float], Bool) {
      let run = try FlatRun(test, parameters: start["p0"])
      for step in 0..<3 { run.update(start.row("grads", step), step: step, momentum: momentum) }
      return (run.parameters, run.optimizer.followsMomentum)
    }
    let (own, follows) = try parameters(momentum: nil)
    #expect(try (parameters(momentum: 0.3).0 != own) == follows)
  }

  @Test(arguments: cases) func oneCycleFollowsPyTorch(_ test: OptimizerCase) throws {
    let (start, golden) = (try Golden("optimizers"), try Golden("one-cycle"))
    #expect(golden.tensors.count == Self.cases.count)
    let schedule = try Schedule(
      parsing: "one-cycle", baseRate: 2 * test.rate, warmup: nil, stepsPerEpoch: 1, totalSteps: 25)
    let run = try FlatRun(test, parameters: start["p0"])
    for step in 0..<25 {
      run.update(
        start.row("grads", step), step: step, rate: schedule.rate(at: step),
        momentum: schedule.momentum(at: step))
      #expect(relativeError(run.parameters, golden.row(test.name, step)) <= 2e-6, "step \(step)")
    }
  }
}
