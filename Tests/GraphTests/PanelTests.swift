import Basics
import Graph
import TestSupport
import Testing

/// The gradient of a large layer's weight comes in panels, the last rows first.
@Suite struct PanelTests {
  static let precisions = [Precision.float32, .bfloat16, .emulatedBfloat16].filter(\.isNative)

  private static let (batch, inputs, outputs) = (3, 1024, 2304)

  @Test(arguments: precisions) func panelsAreTheProduct(_ precision: Precision) throws {
    let (batch, inputs, outputs) = (Self.batch, Self.inputs, Self.outputs)
    let run = try PlanRun([batch, inputs], .elements(.halfSquared), precision: precision) { x in
      x.linear(
        weight: x.parameter(.test("weight", [outputs, inputs])),
        bias: x.parameter(.test("bias", [outputs])))
    }
    for name in run.names { run[name] = randomValues(run[name].count, stream: stableHash(name)) }
    let (x, targets) = (
      randomValues(batch * inputs, stream: 1), randomValues(batch * outputs, stream: 2)
    )
    var seen: [(from: Int, values: [Float])] = []
    try run.run(x, targets: targets) { element in
      seen.append((element, Array(run.gradientArena[element...])))
    }

    // dW = dzᵀ·x where dz = y − targets.
    let dz = zip(run.output, targets).map { Double($0) - Double($1) }
    var expected = Array(repeating: 0.0, count: outputs * inputs)
    for sample in 0..<batch {
      for row in 0..<outputs {
        let slope = dz[sample * outputs + row]
        for column in 0..<inputs {
          expected[row * inputs + column] += slope * Double(x[sample * inputs + column])
        }
      }
    }
    // bfloat16 has 8 bits: each of two operands is off by up to 2⁻⁸ of itself.
    let error = relativeError(run.gradient("weight").map(Double.init), expected)
    #expect(error <= (precision == .float32 ? 1e-6 : 8e-3))

    // Rows 2048 ..< 2304, then 1024 ..< 2048, then the rest, and nothing changes any more.
    let last = seen.map(\.from).filter { $0 <= 2048 * inputs }
    #expect(last == [2048 * inputs, 1024 * inputs, 0])
    for (from, values) in seen {
      #expect(sameBits(values, Array(run.gradientArena[from...])), "from \(from)")
    }
    #expect(run.plan.largestFinalPiece == 1024 * inputs)
  }

  /// A weight used twice: panels add to panels, and are final only where nothing is added any more.
  @Test func panelsAddUp() throws {
    let width = 1100
    func run(_ names: [String]) throws -> (run: PlanRun, seen: [(from: Int, values: [Float])]) {
      let run = try PlanRun([3, width], .elements(.halfSquared)) { x in
        names.reduce(x) { value, name in
          value.linear(weight: x.parameter(.test(name, [width, width])), bias: nil)
        }
      }
      for name in run.names { run[name] = randomValues(width * width, stream: 1, scale: 0.03) }
      var seen: [(from: Int, values: [Float])] = []
      try run.run(
        randomValues(3 * width, stream: 2), targets: randomValues(3 * width, stream: 3)
      ) { element in
        seen.append((element, Array(run.gradientArena[element...])))
      }
      return (run, seen)
    }
    let (shared, seen) = try run(["w", "w"])
    let (apart, _) = try run(["v", "w"])
    let sum = zip(apart.gradient("v"), apart.gradient("w")).map { $0 + $1 }
    #expect(relativeError(shared.gradient("w"), sum) <= 1e-6)
    for (from, values) in seen {
      #expect(sameBits(values, Array(shared.gradientArena[from...])), "from \(from)")
    }
    let early = seen.filter { $0.from > 0 && $0.from < width * width }
    #expect(early.map(\.from) == [944 * width])
  }
}
