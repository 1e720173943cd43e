import Basics
import CKernels
import Graph
import TestSupport
import Testing
import Training

@Suite struct StepProfileTests {
  /// Of a plan that has run, with times around it as a step has them.
  @Test func theRowsAreTheStep() throws {
    let run = try PlanRun([64, 96], .crossEntropy) { x in
      let hidden = relu(x.linear(weight: x.parameter(.test("0.weight", [128, 96])), bias: nil))
      return hidden.linear(weight: x.parameter(.test("1.weight", [10, 128])), bias: nil)
    }
    for name in run.names { run[name] = randomValues(run[name].count, stream: 3) }
    let classes: [Float] = (0..<64).map { Float($0 % 10) }
    run.plan.startTimes()
    let steps = 20
    try run.run(randomValues(64 * 96, stream: 1), targets: classes, takesClasses: true)
    for _ in 1..<steps { try run.again() }
    let calculated =
      Double(run.plan.times.reduce(0) { $0 + $1.nanoseconds }) / 1e9 / Double(steps)

    let profile = StepProfile(
      steps: steps, step: calculated + 0.010, compute: calculated + 0.003, wait: 0.002,
      assembly: 0.001, kernels: run.plan.times)
    func near(_ a: Double, _ b: Double) -> Bool { abs(a - b) < 1e-12 }
    #expect(near(profile.rows.reduce(0) { $0 + $1.seconds }, calculated + 0.010))
    let operations = profile.rows.filter { $0.forward != nil }
    #expect(Set(operations.map(\.name)) == ["linear + relu", "linear", "loss"])
    #expect(operations.map(\.seconds) == operations.map(\.seconds).sorted(by: >))
    let rest = profile.rows.dropFirst(operations.count)
    #expect(zip(rest.map(\.seconds), [0.001, 0.002, 0.002, 0.005]).allSatisfy(near), "\(rest)")
    for row in operations {
      let forward = try #require(row.forward)
      #expect(forward > 0 && (forward < row.seconds) == (row.name != "loss"), "\(row)")
      #expect(row.products <= row.seconds && (row.products > 0) == (row.name != "loss"), "\(row)")
    }
    // Forward and the gradient of the weights; x needs none.
    let first = try #require(operations.first { $0.name == "linear + relu" })
    #expect(first.flops == Double(2 * 2 * 64 * 96 * 128))
  }

  @Test func aTableOfThem() {
    let kernels = [
      KernelTime(operation: "conv", isBackward: false, nanoseconds: 2_000_000, flops: 80_000_000),
      KernelTime(operation: "conv", isBackward: true, nanoseconds: 4_000_000, flops: 160_000_000),
      KernelTime(operation: "conv", isBackward: true, nanoseconds: 600_000, flops: 0),
      KernelTime(operation: "loss", isBackward: false, nanoseconds: 400_000, flops: 0),
    ]
    let profile = StepProfile(
      steps: 2, step: 0.005, compute: 0.004, wait: 0.00025, assembly: 0.000125, kernels: kernels)
    let expected = [
      "  operation                        ms    share  forward ms  backward ms  products ms  GFLOP/s",
      "  conv                         3.3000   66.0 %      1.0000       2.3000       3.0000     40.0",
      "  loss                         0.2000    4.0 %      0.2000       0.0000",
      "  batch assembly               0.1250    2.5 %",
      "  finite check, leaf sums      0.3750    7.5 %",
      "  waiting                      0.2500    5.0 %",
      "  reduction, clipping, update  0.7500   15.0 %",
      "  step                         5.0000  100.0 %",
    ]
    #expect(profile.table == expected, "\(profile.table.joined(separator: "\n"))")
  }
}
