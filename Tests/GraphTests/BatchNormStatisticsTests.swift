import Basics
import Graph
import TestSupport
import Testing

/// What a batch norm leaves in the place of its running statistics' gradients.
@Suite struct BatchNormStatisticsTests {
  private func run(
    _ shape: [Int], _ x: [Float], mode: Plan.Mode = .training
  ) throws -> PlanRun {
    let channels = shape[1]
    let run = try PlanRun(Shape(shape), .meanSquaredError, mode: mode) { x in
      func parameter(_ name: String) -> Tensor { x.parameter(.test(name, [channels])) }
      return x.batchNorm(
        weight: parameter("w"), bias: parameter("b"), runningMean: parameter("mean"),
        runningVariance: parameter("variance"))
    }
    run["w"] = Array(repeating: 2, count: channels)
    run["b"] = Array(repeating: 1, count: channels)
    run["mean"] = (0..<channels).map { Float($0) }
    run["variance"] = (0..<channels).map { Float($0 + 1) }
    try run.run(x, targets: Array(repeating: 0, count: x.count))
    return run
  }

  /// Sums over the values, the variance unbiased; a large mean takes no digits.
  @Test func sums() throws {
    let x = randomValues(3 * 2 * 4, stream: 1).enumerated().map {
      $0.offset / 4 % 2 == 0 ? 1000 + $0.element : $0.element
    }
    let found = try run([3, 2, 2, 2], x)
    for channel in 0..<2 {
      let values = x.indices.filter { $0 / 4 % 2 == channel }.map { Double(x[$0]) }
      let mean = values.reduce(0, +) / 12
      let unbiased = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 11
      #expect(relativeError([Double(found.gradient("mean")[channel])], [12 * mean]) < 1e-6)
      #expect(relativeError([Double(found.gradient("variance")[channel])], [12 * unbiased]) < 1e-5)
    }
  }

  /// One value a channel has no variance: it adds nothing and comes out as the bias.
  @Test func oneValue() throws {
    let found = try run([1, 2], [3, -5])
    #expect(found.gradient("mean") == [0, 0] && found.gradient("variance") == [0, 0])
    #expect(found.output == [1, 1])
    #expect(found.gradient("w") == [0, 0] && found.gradient("b") == [2, 2])
  }

  @Test func evaluationTakesTheRunningStatistics() throws {
    let x: [Float] = [0, 1, 4, -3]
    let found = try run([2, 2], x, mode: .evaluation)
    let expected = x.enumerated().map { index, value in
      let channel = Double(index % 2)
      return (Double(value) - channel) / (channel + 1 + 1e-5).squareRoot() * 2 + 1
    }
    #expect(relativeError(found.output.map(Double.init), expected) < 1e-6)
  }

  @Test func aNormIsUsedOnce() {
    let statistic = RunningStatistic(momentum: 0.1, valuesPerSample: 1)
    let message = failure {
      _ = try PlanRun([2, 3], .meanSquaredError) { x in
        let weight = x.parameter(.test("w", [3]))
        func norm(_ x: Tensor) -> Tensor {
          let mean = x.parameter(
            Parameter("n.running_mean", shape: [3], startingAt: 0, statistic: statistic))
          return x.batchNorm(
            weight: weight, bias: weight, runningMean: mean, runningVariance: weight)
        }
        return norm(norm(x))
      }
    }?.message
    #expect(message?.hasPrefix("n.running_mean: two layers") == true)
  }
}
