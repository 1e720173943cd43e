import Basics
import CKernels
import Graph
import TestSupport
import Testing

/// The times of a plan's kernels.
@Suite struct KernelTimeTests {
  private func parameter(_ x: Tensor, _ name: String, _ shape: [Int]) -> Tensor {
    x.parameter(.test(name, shape))
  }

  private func initialize(_ run: PlanRun) {
    for name in run.names { run[name] = randomValues(run[name].count, stream: stableHash(name)) }
  }

  /// Two linear layers with a norm between; x needs no gradient.
  private func layers() throws -> PlanRun {
    let run = try PlanRun([64, 96], .meanSquaredError) { x in
      let hidden = relu(
        x.linear(weight: parameter(x, "0.weight", [128, 96]), bias: parameter(x, "0.bias", [128])))
      let normal = hidden.layerNorm(
        weight: parameter(x, "1.weight", [128]), bias: parameter(x, "1.bias", [128]))
      return normal.linear(weight: parameter(x, "2.weight", [32, 128]), bias: nil)
    }
    initialize(run)
    return run
  }

  @Test func everyOperationIsTimed() throws {
    let run = try layers()
    let (x, y) = (randomValues(64 * 96, stream: 1), randomValues(64 * 32, stream: 2))
    try run.run(x, targets: y)
    let gradients = run.names.map(run.gradient)
    #expect(run.plan.times.isEmpty, "nobody asked")

    run.plan.startTimes()
    let count = 50
    let start = ck_monotonic_ns()
    for _ in 0..<count { try run.again() }
    let all = ck_monotonic_ns() - start
    #expect(zip(run.names.map(run.gradient), gradients).allSatisfy { sameBits($0, $1) })

    let times = run.plan.times
    #expect(
      Set(times.map(\.operation)) == Set(run.plan.steps.map(\.operation) + ["loss"]))
    func passes(_ operation: String) -> [Bool] {
      times.filter { $0.operation == operation }.map(\.isBackward)
    }
    // Product and ReLU; its mask, the weight's gradient and the bias's.
    #expect(passes("linear + relu") == [false, false, true, true, true])
    // Two gradients.
    #expect(passes("linear") == [false, true, true])
    #expect(passes("loss") == [false])
    #expect(times.allSatisfy { $0.nanoseconds > 0 })
    // There is nothing but kernels in a run.
    let sum = times.reduce(0) { $0 + $1.nanoseconds }
    #expect(sum <= all && sum > all / 2, "\(sum) of \(all)")
  }

  /// Twice the multiplications: forward one product a layer, backward one for each gradient.
  @Test func productsAreCounted() throws {
    let run = try layers()
    try run.run(randomValues(64 * 96, stream: 1), targets: randomValues(64 * 32, stream: 2))
    run.plan.startTimes()
    for _ in 0..<3 { try run.again() }
    let (first, second) = (2 * 64 * 96 * 128, 2 * 64 * 128 * 32)
    func flops(_ isBackward: Bool) -> [String: Int] {
      Dictionary(grouping: run.plan.times.filter { $0.isBackward == isBackward }, by: \.operation)
        .mapValues { $0.reduce(0) { $0 + $1.flops } }.filter { $0.value > 0 }
    }
    #expect(flops(false) == ["linear + relu": 3 * first, "linear": 3 * second])
    #expect(flops(true) == ["linear + relu": 3 * first, "linear": 3 * 2 * second])
  }

  @Test(arguments: [1, 2]) func convolutionsAreCounted(groups: Int) throws {
    let run = try PlanRun([2, 4, 8, 8], .meanSquaredError) { x in
      let image = x.convolution(
        weight: parameter(x, "0.weight", [6, 4 / groups, 3, 3]), bias: nil, padding: 1,
        groups: groups)
      return image.convolution(
        weight: parameter(x, "1.weight", [5, 6, 2, 2]), bias: nil, stride: 2)
    }
    initialize(run)
    run.plan.startTimes()
    try run.run(randomValues(2 * 4 * 64, stream: 1), targets: randomValues(2 * 5 * 16, stream: 2))
    let (first, second) = (2 * 2 * 6 * 64 * 4 / groups * 9, 2 * 2 * 5 * 16 * 6 * 4)
    func flops(_ isBackward: Bool) -> Int {
      run.plan.times.filter { $0.isBackward == isBackward }.reduce(0) { $0 + $1.flops }
    }
    #expect(flops(false) == first + second && flops(true) == first + 2 * second)
  }
}
