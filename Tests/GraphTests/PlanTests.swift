import Basics
import CAllocations
import CKernels
import Graph
import TestSupport
import Testing

@Suite struct PlanTests {
  static func parameter(_ x: Tensor, _ name: String, _ shape: [Int]) -> Tensor {
    x.parameter(.test(name, shape))
  }

  /// Eight hidden layers of changing width.
  @Sendable static func deep(_ x: Tensor) -> Tensor {
    let widths = [12, 20, 7, 33, 16, 5, 40, 9, 24, 10]
    var value = x
    for layer in 1..<widths.count {
      let weight = parameter(x, "\(layer).weight", [widths[layer], widths[layer - 1]])
      value = value.linear(
        weight: weight, bias: parameter(x, "\(layer).bias", [widths[layer]]))
      if layer < widths.count - 1 { value = layer % 2 == 0 ? gelu(value) : relu(value) }
    }
    return value
  }

  private func initialize(_ run: PlanRun) {
    for name in run.names {
      run[name] = randomValues(run[name].count, stream: stableHash(name), scale: 0.4)
    }
  }

  /// The result does not depend on what another run left behind, and training sees the same
  /// forward pass as evaluation.
  @Test func deepModelIsRepeatable() throws {
    let training = try PlanRun([6, 12], .crossEntropy, Self.deep)
    initialize(training)
    let (x, other) = (randomValues(72, stream: 1), randomValues(72, stream: 2, scale: 100))
    let classes: [Float] = [0, 9, 4, 4, 2, 7]
    let first = try training.run(x, targets: classes, takesClasses: true)
    let output = training.output
    let gradients = training.names.map(training.gradient)
    #expect(!gradients.joined().contains { !$0.isFinite })
    try training.run(other, targets: classes, takesClasses: true)
    #expect(!sameBits(training.output, output))
    let second = try training.run(x, targets: classes, takesClasses: true)
    #expect(first.loss == second.loss && sameBits(training.output, output))
    #expect(zip(training.names.map(training.gradient), gradients).allSatisfy { sameBits($0, $1) })
    // Without fresh memory: what the last run left does not show.
    try training.again()
    #expect(zip(training.names.map(training.gradient), gradients).allSatisfy { sameBits($0, $1) })

    let run = try PlanRun([6, 12], .crossEntropy, mode: .evaluation, Self.deep)
    initialize(run)
    let sums = try run.run(x, targets: classes, takesClasses: true)
    #expect(sameBits(run.output, output))
    #expect(sums.loss == first.loss)
    #expect(run.plan.workspaceCount < training.plan.workspaceCount)
  }

  /// What backward calls final is: nothing is written there any more, and it comes early.
  @Test func gradientsAreFinalWhereBackwardSaysSo() throws {
    // One weight is used twice: it is final only behind its first use.
    for (model, classes) in [(Self.deep, 10), (Self.tied, 12)] {
      let run = try PlanRun([6, 12], .crossEntropy, model)
      initialize(run)
      var seen: [(from: Int, values: [Float])] = []
      try run.run(
        randomValues(72, stream: 1), targets: [0, 9, 4, 4, 2, 7], takesClasses: true
      ) { element in
        seen.append((element, Array(run.gradientArena[element...])))
      }
      #expect(run.plan.outputShape[1] == classes)
      #expect(seen.map(\.from) == seen.map(\.from).sorted(by: >))
      #expect(seen.last?.from == 0)
      for (from, values) in seen {
        #expect(sameBits(values, Array(run.gradientArena[from...])), "from \(from)")
      }
      let early = seen.filter { $0.from > 0 && $0.from < run.layout.arenaCount }
      #expect(early.count >= (classes == 10 ? 8 : 1))
    }
  }

  @Sendable static func tied(_ x: Tensor) -> Tensor {
    let shared = parameter(x, "shared", [12, 12])
    let first = x.linear(weight: shared, bias: parameter(x, "0.bias", [12]))
    let second = relu(first).linear(weight: shared, bias: parameter(x, "1.bias", [12]))
    return second.linear(
      weight: parameter(x, "2.weight", [12, 12]), bias: parameter(x, "2.bias", [12]))
  }

  /// Where nobody reads the result, its gradient takes its place; the numbers stay.
  @Test func gradientMayTakeTheOutputsPlace() throws {
    let classes: [Float] = [0, 9, 4, 4, 2, 7]
    let runs = try [true, false].map { keepsOutput in
      let run = try PlanRun([6, 12], .crossEntropy, keepsOutput: keepsOutput) { x in
        x + Self.parameter(x, "w", [6, 12])
      }
      initialize(run)
      try run.run(randomValues(72, stream: 1), targets: classes, takesClasses: true)
      return run
    }
    for name in runs[0].names {
      #expect(sameBits(runs[0].gradient(name), runs[1].gradient(name)))
    }
    #expect(runs[0].plan.workspaceCount == 160 && runs[1].plan.workspaceCount == 80)
  }

  /// A row's result has the same bits in every batch.
  @Test(arguments: [1, 2, 3, 5, 16]) func rowsDoNotSeeTheirBatch(_ batch: Int) throws {
    let whole = try PlanRun([32, 12], .crossEntropy, mode: .evaluation, Self.deep)
    let part = try PlanRun([batch, 12], .crossEntropy, mode: .evaluation, Self.deep)
    initialize(whole)
    initialize(part)
    let x = randomValues(32 * 12, stream: 1)
    try whole.run(x, targets: Array(repeating: 0, count: 32))
    try part.run(Array(x.suffix(batch * 12)), targets: Array(repeating: 0, count: batch))
    #expect(sameBits(part.output, whole.output.suffix(batch * 10)))
  }

  /// A reshape between the two keeps ReLU from running in place on the product's result.
  @Test func fusedReluHasTheSameBits() throws {
    func run(_ isFused: Bool) throws -> PlanRun {
      let run = try PlanRun([7, 5], .meanSquaredError) { x in
        let hidden = x.linear(
          weight: Self.parameter(x, "v", [6, 5]), bias: Self.parameter(x, "b", [6]))
        let rectified = relu(isFused ? hidden : hidden.reshaped([6]))
        return rectified.linear(weight: Self.parameter(x, "w", [4, 6]), bias: nil)
      }
      initialize(run)
      try run.run(randomValues(35, stream: 1), targets: randomValues(28, stream: 2))
      return run
    }
    let (fused, plain) = (try run(true), try run(false))
    #expect(fused.plan.steps.map(\.operation) == ["linear + relu", "linear"])
    #expect(plain.plan.steps.map(\.operation) == ["linear", "reshape", "relu", "linear"])
    #expect(sameBits(fused.output, plain.output))
    for name in fused.names { #expect(sameBits(fused.gradient(name), plain.gradient(name))) }
  }

  /// Norm, addition and ReLU in one pass, against one after the other: a second reader of each
  /// value keeps them apart.
  @Test func fusedResidualHasTheSameNumbers() throws {
    func run(_ isFused: Bool, _ mode: Plan.Mode) throws -> PlanRun {
      let run = try PlanRun([3, 2, 4, 4], .meanSquaredError, mode: mode) { x in
        let image = x.convolution(weight: Self.parameter(x, "w", [2, 2, 1, 1]), bias: nil)
        func parameter(_ name: String) -> Tensor { Self.parameter(x, name, [2]) }
        let norm = image.batchNorm(
          weight: parameter("a"), bias: parameter("b"), runningMean: parameter("mean"),
          runningVariance: parameter("variance"))
        let sum = image + norm
        let y = relu(sum)
        // Adds 0 times the values in between.
        if isFused { return y }
        let zero = parameter("zero")
        let kept = [norm, sum].map {
          $0.convolution(weight: zero.reshaped([1, 1, 1]), bias: nil, groups: 2)
        }
        return y + kept[0] + kept[1]
      }
      initialize(run)
      run["variance"] = [1, 2]
      if !isFused { run["zero"] = [0, 0] }
      try run.run(randomValues(96, stream: 1), targets: randomValues(96, stream: 2))
      return run
    }
    for mode in [Plan.Mode.training, .evaluation] {
      let (fused, plain) = (try run(true, mode), try run(false, mode))
      #expect(fused.plan.steps.map(\.operation) == ["conv", "batchnorm + add + relu"])
      #expect(plain.plan.steps.map(\.operation).prefix(4) == ["conv", "batchnorm", "add", "relu"])
      #expect(relativeError(fused.output, plain.output) <= 1e-6)
      guard mode == .training else { continue }
      for name in fused.names {
        #expect(relativeError(fused.gradient(name), plain.gradient(name)) <= 1e-5, "\(name)")
      }
    }
  }

  /// A diverged run must be seen: no activation and no loss turns NaN into a number.
  @Test(arguments: Activation.all, [Loss.crossEntropy, .meanSquaredError]) func nanReachesTheLoss(
    _ activation: Activation, _ loss: Loss
  ) throws {
    for isLinear in [false, true] {
      let run = try PlanRun([3, 8], loss) { x in
        let weight = Self.parameter(x, "w", [8, 8])
        return (isLinear ? x.linear(weight: weight, bias: nil) : x + x).applying(activation)
      }
      initialize(run)
      for place in [0, 5, 23] {
        var x = randomValues(24, stream: 1)
        let classes = Array(repeating: Float(0), count: loss.takesClasses ? 3 : 24)
        #expect(
          try run.run(x, targets: classes, takesClasses: loss.takesClasses).loss.isFinite)
        x[place] = .nan
        #expect(
          try run.run(x, targets: classes, takesClasses: loss.takesClasses).loss.isNaN,
          "NaN at \(place)\(isLinear ? " before linear" : "")")
      }
    }
  }

  @Test func shapeErrorsNameTheLayer() {
    func message(_ loss: Loss = .meanSquaredError, _ model: (Tensor) -> Tensor) -> String {
      let failure = failure { _ = try PlanRun([3, 8], loss, model) }
      #expect(failure?.kind == .usage)
      return failure?.message ?? ""
    }
    #expect(
      message {
        $0.linear(weight: Self.parameter($0, "w", [4, 9]), bias: nil, layer: "2 (linear)")
      }
        == "layer 2 (linear): expected input […, 9], found [3, 8]")
    #expect(
      message {
        $0.linear(
          weight: Self.parameter($0, "w", [4, 8]), bias: Self.parameter($0, "b", [5]), layer: "head"
        )
      } == "layer head: expected bias [4], found [5]")
    #expect(message { $0.reshaped([3, 3]) }.hasPrefix("layer reshape: cannot reshape [3, 8]"))
    #expect(message { $0 + $0.reshaped([2, 4]) }.hasPrefix("layer add: cannot add"))
    #expect(
      message(.classes(.crossEntropy(ClassSettings(weights: [1, 2, 3])))) { $0.reshaped([2, 4]) }
        == "3 class weights for an output of shape [3, 2, 4]")
    #expect(
      message {
        $0.linear(weight: Self.parameter($0, "w", [8, 8]), bias: nil)
          + $0.linear(weight: Self.parameter($0, "w", [4, 8]), bias: nil)
      }.contains("parameter w is used with two shapes"))
  }

  /// Our kernels allocate nothing; oneDNN's argument maps come and go with every call.
  @Test func runningAllocatesNothing() throws {
    func allocations(_ run: PlanRun, runs: Int) throws -> (made: Int, kept: Int) {
      let before = ca_counts()
      for _ in 0..<runs { _ = try run.again() }
      let after = ca_counts()
      let (made, freed) = (after.allocated - before.allocated, after.freed - before.freed)
      return (made, made - freed)
    }
    let own = try PlanRun([6, 12], .crossEntropy) { x in
      relu(relu(x + Self.parameter(x, "p", [6, 12])).reshaped([3, 4]).flattened())
    }
    initialize(own)
    let classes = [Float](repeating: 1, count: 6)
    try own.run(randomValues(72, stream: 1), targets: classes, takesClasses: true)
    #expect(try allocations(own, runs: 1000) == (0, 0))

    let deep = try PlanRun([6, 12], .crossEntropy, Self.deep)
    initialize(deep)
    try deep.run(randomValues(72, stream: 1), targets: classes, takesClasses: true)
    let (early, late) = (try allocations(deep, runs: 100), try allocations(deep, runs: 100))
    #expect(early.kept == 0 && late == early)
  }
}
