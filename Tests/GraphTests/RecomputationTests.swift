import Basics
import CKernels
import Graph
import TestSupport
import Testing

/// Values that are computed again in backward: less memory, the same bits.
@Suite struct RecomputationTests {
  static let parameters = [
    "x": [2, 5, 32], "g": [32], "b": [32], "fc": [64, 32], "bias": [64], "proj": [32, 64],
  ]

  /// x + proj(gelu(fc(norm x))): both values between are read once, x twice.
  static func block(_ p: (String) -> Tensor) -> Tensor {
    let normal = p("x").layerNorm(weight: p("g"), bias: p("b"))
    let hidden = gelu(normal.linear(weight: p("fc"), bias: p("bias")))
    return p("x") + hidden.linear(weight: p("proj"), bias: nil)
  }

  /// The norm is read twice and kept, ReLU is joined to the product behind it.
  static func shared(_ p: (String) -> Tensor) -> Tensor {
    let normal = p("x").layerNorm(weight: p("g"), bias: p("b"))
    let hidden = relu(silu(normal).linear(weight: p("fc"), bias: p("bias")))
    return normal + hidden.linear(weight: p("proj"), bias: nil)
  }

  private func run(
    _ model: @escaping ((String) -> Tensor) -> Tensor, _ precision: Precision, from bytes: Int
  ) throws -> PlanRun {
    let run = try PlanRun(
      [2, 1], .elements(.halfSquared), precision: precision, recomputedBytes: bytes
    ) { input in model { input.parameter(.test($0, Self.parameters[$0] ?? [])) } }
    for name in run.names { run[name] = randomValues(run[name].count, stream: stableHash(name)) }
    try run.run([0, 0], targets: randomValues(run.output.count, stream: 2))
    return run
  }

  @Test(arguments: [false, true], Precision.allCases.filter(\.isNative)) func changesNoBit(
    _ isShared: Bool, precision: Precision
  ) throws {
    let model = isShared ? Self.shared : Self.block
    let kept = try run(model, precision, from: Int.max)
    let again = try run(model, precision, from: 0)
    #expect(kept.plan.steps.count == again.plan.steps.count + (isShared ? 1 : 2))
    #expect(sameBits(kept.output, again.output))
    for name in kept.names {
      #expect(sameBits(kept.gradient(name), again.gradient(name)), "\(name)")
    }
  }

  /// Large values are not kept: of a block's activations three eighths.
  @Test func takesLessMemory() throws {
    func elements(_ recomputedBytes: Int) throws -> Int {
      let (rows, width) = (512, 256)
      return try Plan(
        input: [rows, width], loss: .meanSquaredError, mode: .training, engine: ComputeEngine(),
        recomputedBytes: recomputedBytes
      ) { x in
        func parameter(_ name: String, _ shape: [Int]) -> Tensor { x.parameter(.test(name, shape)) }
        return (0..<16).reduce(x) { value, index in
          let normal = value.layerNorm(
            weight: parameter("\(index).g", [width]), bias: parameter("\(index).b", [width]))
          let hidden = gelu(
            normal.linear(weight: parameter("\(index).v", [8 * width, width]), bias: nil))
          return value
            + hidden.linear(weight: parameter("\(index).w", [width, 8 * width]), bias: nil)
        }
      }.workspaceCount
    }
    // A layer keeps norm 1, slope 8, GELU 8, sum 1; else norm 1, hidden 8, sum 1.
    let (kept, again) = (try elements(Int.max), try elements(Plan.recomputedBytes))
    // The GELU, its slope and their gradient lie in the places of others: else it would be two thirds.
    #expect(Double(again) < 0.62 * Double(kept), "\(again) of \(kept)")
    #expect(try elements(16 << 20) == kept, "smaller values than asked for are kept")
  }
}
