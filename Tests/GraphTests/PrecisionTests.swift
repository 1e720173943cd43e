import Basics
import CKernels
import Graph
import TestSupport
import Testing

/// Products of operands rounded to bfloat16: as those of rounded operands in float32.
///
/// One after another: two threads in one and the same primitive, which oneDNN's cache hands to both,
/// get wrong results of its bfloat16 convolutions now and then (2.6.3; 1 channel, one run in ten). A
/// rank computes in one thread.
@Suite(.serialized) struct PrecisionTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// All are operands of the product but "b".
    let parameters: [String: [Int]]
    let model: @Sendable ((String) -> Tensor) -> Tensor
  }

  static func convolution(
    _ name: String, x: [Int], weight: [Int], stride: Int = 1, dilation: Int = 1, groups: Int = 1
  ) -> Case {
    Case(testDescription: name, parameters: ["x": x, "w": weight, "b": [weight[0]]]) { p in
      p("x").convolution(
        weight: p("w"), bias: p("b"), stride: stride, padding: 1, dilation: dilation,
        groups: groups)
    }
  }

  static let cases = [
    Case(testDescription: "linear", parameters: ["x": [7, 5, 40], "w": [33, 40], "b": [33]]) { p in
      p("x").linear(weight: p("w"), bias: p("b"))
    },
    Case(testDescription: "linear, relu", parameters: ["x": [6, 32], "w": [64, 32]]) { p in
      relu(p("x").linear(weight: p("w"), bias: nil))
    },
    // Two consumers of x: the second gradient is added.
    Case(testDescription: "two", parameters: ["x": [6, 35], "w": [32, 35], "v": [32, 35]]) { p in
      p("x").linear(weight: p("w"), bias: nil) + p("x").linear(weight: p("v"), bias: nil)
    },
    Case(testDescription: "matmul", parameters: ["x": [3, 9, 6], "w": [3, 6, 5]]) { p in
      p("x").multiplied(by: p("w"))
    },
    convolution("conv", x: [2, 3, 6, 5], weight: [4, 3, 3, 3]),
    convolution("conv, one channel", x: [3, 1, 7, 7], weight: [16, 1, 3, 3]),
    convolution("conv, 32 channels", x: [2, 32, 6, 6], weight: [16, 32, 3, 3]),
    convolution("conv, stride", x: [2, 16, 7, 6], weight: [32, 16, 3, 3], stride: 2),
    convolution("conv 1×1", x: [2, 16, 5, 5], weight: [32, 16, 1, 1]),
    convolution("conv, dilation", x: [2, 4, 7, 7], weight: [8, 4, 3, 3], dilation: 2),
    convolution("conv, groups", x: [2, 4, 5, 5], weight: [6, 2, 3, 3], groups: 2),
  ]

  static let rounding = [Precision.bfloat16, .emulatedBfloat16].filter(\.isNative)

  @Test(arguments: cases, rounding) func multipliesRoundedOperands(
    _ test: Case, precision: Precision
  ) throws {
    let batch = test.parameters["x"]?[0] ?? 1
    func plan(_ precision: Precision) throws -> PlanRun {
      try PlanRun([batch, 1], .elements(.halfSquared), precision: precision) { input in
        test.model { input.parameter(.test($0, test.parameters[$0] ?? [])) }
      }
    }
    let (run, reference) = (try plan(precision), try plan(.float32))
    for name in run.names {
      run[name] = randomValues(run[name].count, stream: UInt64(name.utf8.first ?? 0))
      reference[name] = name == "b" ? run[name] : rounded(run[name])
    }
    let zeros = [Float](repeating: 0, count: batch)
    let targets = randomValues(run.output.count, stream: 2)
    try run.run(zeros, targets: targets)
    let upstream = zip(run.output, targets).map { $0 - $1 }
    try reference.run(zeros, targets: targets)
    #expect(relativeError(run.output, reference.output) <= 2e-6)
    // Targets that make the reference's upstream gradient the rounded one.
    let shifted = zip(reference.output, rounded(upstream)).map { $0 - $1 }
    try reference.run(zeros, targets: shifted)
    for name in run.names where name != "b" {
      #expect(relativeError(run.gradient(name), reference.gradient(name)) <= 2e-6, "\(name)")
    }
    // A bias is no operand of the product: its gradient is the sum of what was not rounded.
    if run.names.contains("b") {
      try reference.run(zeros, targets: zip(reference.output, upstream).map { $0 - $1 })
      #expect(relativeError(run.gradient("b"), reference.gradient("b")) <= 2e-6)
    }
  }

  /// Not among the cases above: what it rounds between its products no reference in float32 can.
  static let attention = Case(testDescription: "attention", parameters: ["x": [2, 20, 192]]) { p in
    p("x").attended(heads: 2, causal: true)
  }

  /// What is asked for is done: values and gradients differ from float32's, by little.
  @Test(arguments: cases + [attention], rounding) func staysNearFloat32(
    _ test: Case, precision: Precision
  ) throws {
    let batch = test.parameters["x"]?[0] ?? 1
    let runs = try [precision, .float32].map { precision in
      let run = try PlanRun([batch, 1], .elements(.halfSquared), precision: precision) { input in
        test.model { input.parameter(.test($0, test.parameters[$0] ?? [])) }
      }
      for name in run.names {
        run[name] = randomValues(run[name].count, stream: UInt64(name.utf8.first ?? 0))
      }
      try run.run(
        [Float](repeating: 0, count: batch), targets: randomValues(run.output.count, stream: 2))
      return run
    }
    #expect((1e-4...1e-2).contains(relativeError(runs[0].output, runs[1].output)))
    for name in runs[0].names where name != "b" {
      let error = relativeError(runs[0].gradient(name), runs[1].gradient(name))
      #expect((1e-4...1e-2).contains(error), "\(name)")
    }
  }

  /// Layers that would lose time stay as they are.
  @Test(arguments: [([4, 31], 40), ([4, 40], 31)], rounding) func narrowLayersStayFloat32(
    _ shape: (x: [Int], outputs: Int), precision: Precision
  ) throws {
    let runs = try [precision, .float32].map { precision in
      let run = try PlanRun([4, 1], .meanSquaredError, precision: precision) { input in
        input.parameter(.test("x", shape.x)).linear(
          weight: input.parameter(.test("w", [shape.outputs, shape.x[1]])), bias: nil)
      }
      for name in run.names {
        run[name] = randomValues(run[name].count, stream: UInt64(name.utf8.first ?? 0))
      }
      try run.run([0, 0, 0, 0], targets: randomValues(run.output.count, stream: 2))
      return run
    }
    #expect(sameBits(runs[0].output, runs[1].output))
    for name in runs[0].names {
      #expect(sameBits(runs[0].gradient(name), runs[1].gradient(name)), "\(name)")
    }
  }

  /// Rounding to the nearest, ties to even, against its definition in double precision.
  @Test func roundsToNearestEven() {
    let patterns: [UInt32] =
      [0, 1, 0x7fff, 0x8000, 0x8001, 0x1_8000, 0x7f7f_7fff, 0x7f7f_8000, 0x7f80_0000, 0x3f80_8000]
      + randomValues(500, stream: 3).map(\.bitPattern)
    for pattern in patterns + patterns.map({ $0 | 0x8000_0000 }) {
      let x = Float(bitPattern: pattern)
      let below = Float(bitPattern: pattern & 0xffff_0000)
      // Beyond the largest bfloat16 as if there were one more.
      let step = Double(below.ulp) * 65536
      let units = abs(x.isFinite ? (Double(x) - Double(below)) / step : 0)
      let isOdd = pattern & 0x1_0000 != 0
      let up = units > 0.5 || units == 0.5 && isOdd
      let expected = (pattern & 0xffff_0000) &+ (up ? 0x1_0000 : 0)
      #expect(rounded([x])[0].bitPattern == expected, "\(x)")
      #expect(UInt32(halves([x])[0]) << 16 == expected, "\(x)")
    }
    for nan in [Float.nan, -.nan, Float(bitPattern: 0x7f80_0001), Float(bitPattern: .max)] {
      #expect(rounded([nan])[0].isNaN)
      #expect(Float(bitPattern: UInt32(halves([nan])[0]) << 16).isNaN)
    }
  }

  private func rounded(_ values: [Float]) -> [Float] {
    var result = values
    ck_round_to_bfloat16(values, &result, values.count)
    return result
  }

  private func halves(_ values: [Float]) -> [UInt16] {
    var result = [UInt16](repeating: 0, count: values.count)
    ck_to_bfloat16(values, &result, values.count)
    return result
  }
}
