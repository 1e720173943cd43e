import Basics
import CKernels
import Graph
import TestSupport
import Testing

/// What plans of images promise beside the right numbers.
@Suite struct ImagePlanTests {
  /// A stage of a residual network with every kind of layer on images.
  @Sendable static func network(_ x: Tensor) -> Tensor {
    func parameter(_ name: String, _ shape: [Int]) -> Tensor { x.parameter(.test(name, shape)) }
    func norm(_ x: Tensor, _ name: String) -> Tensor {
      x.batchNorm(
        weight: parameter(name + ".weight", [4]), bias: parameter(name + ".bias", [4]),
        runningMean: parameter(name + ".mean", [4]),
        runningVariance: parameter(name + ".variance", [4]))
    }
    let stem = relu(
      x.convolution(
        weight: parameter("stem", [4, 3, 3, 3]), bias: parameter("stem.bias", [4]), padding: 1))
    let body = norm(
      stem.convolution(weight: parameter("conv", [4, 4, 3, 3]), bias: nil, padding: 1), "norm")
    let sum = relu(body + stem)
    let pools = concatenated([
      sum.maxPool(kernel: 3, stride: 2, padding: 1), sum.averagePool(kernel: 2),
    ])
    let grouped = relu(
      pools.groupNorm(weight: parameter("g", [8]), bias: parameter("h", [8]), groups: 2))
    return grouped.flattened().linear(weight: parameter("head", [5, 72]), bias: nil)
  }

  private func make(_ mode: Plan.Mode, batch: Int = 4) throws -> PlanRun {
    let run = try PlanRun([batch, 3, 6, 6], .crossEntropy, mode: mode, Self.network)
    for name in run.names {
      run[name] = randomValues(run[name].count, stream: stableHash(name), scale: 0.5)
    }
    run["norm.variance"] = [1, 2, 3, 4]
    return run
  }

  /// The result does not depend on what another run left behind.
  @Test func runsAreRepeatable() throws {
    let run = try make(.training)
    let (x, other) = (randomValues(432, stream: 1), randomValues(432, stream: 2, scale: 9))
    try run.run(x, targets: [0, 4, 2, 2], takesClasses: true)
    let (output, gradients) = (run.output, run.names.map(run.gradient))
    #expect(!(output + gradients.joined()).contains { !$0.isFinite })
    try run.run(other, targets: [0, 4, 2, 2], takesClasses: true)
    #expect(!sameBits(run.output, output))
    try run.run(x, targets: [0, 4, 2, 2], takesClasses: true)
    #expect(sameBits(run.output, output))
    #expect(zip(run.names.map(run.gradient), gradients).allSatisfy { sameBits($0, $1) })
    try run.again()
    #expect(zip(run.names.map(run.gradient), gradients).allSatisfy { sameBits($0, $1) })
    #expect(try make(.evaluation).plan.workspaceCount < run.plan.workspaceCount)
  }

  /// A diverged run must be seen: a NaN anywhere in an image comes through every layer.
  @Test(arguments: [Plan.Mode.training, .evaluation]) func nanReachesTheLoss(
    _ mode: Plan.Mode
  ) throws {
    let run = try make(mode)
    for place in [0, 35, 108 + 40, 431] {
      var x = randomValues(432, stream: 1)
      #expect(try run.run(x, targets: [0, 1, 2, 3], takesClasses: true).loss.isFinite)
      x[place] = .nan
      #expect(try run.run(x, targets: [0, 1, 2, 3], takesClasses: true).loss.isNaN)
    }
  }

  /// Of equal values the first takes the gradient, as in PyTorch; −∞ is a value like any other.
  @Test(arguments: [Float(1), -.infinity]) func tiesGoToTheFirst(_ value: Float) throws {
    let run = try PlanRun([1, 2], .meanSquaredError) { input in
      input.parameter(.test("x", [1, 1, 3, 3])).maxPool(kernel: 3, stride: 2, padding: 1)
    }
    run["x"] = Array(repeating: value, count: 9)
    try run.run([0, 0], targets: Array(repeating: value.isFinite ? 0 : value, count: 4))
    #expect(run.output == Array(repeating: value, count: 4))
    let gradient = run.gradient("x")
    let places = [0, 1, 3, 4]
    for index in 0..<9 where !places.contains(index) { #expect(gradient[index] == 0) }
    if value.isFinite { #expect(places.allSatisfy { gradient[$0] == 2 }) }
  }

  /// Layers under their names, with what was joined to them; not how images lie.
  @Test func stepsAreLayers() throws {
    let operations = try make(.training).plan.steps.map(\.operation)
    #expect(
      operations == [
        "conv + relu", "conv", "batchnorm + add + relu", "maxpool", "avgpool", "concat",
        "groupnorm", "relu", "reshape", "linear",
      ])
  }
}
