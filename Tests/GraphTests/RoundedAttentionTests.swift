import Basics
import CKernels
import Foundation
import Graph
import TestSupport
import Testing

/// Attention in bfloat16: its products are those of rounded operands.
@Suite struct RoundedAttentionTests {
  /// The last block of queries and the last register of columns are in part empty.
  static let (samples, length, heads, width) = (2, 37, 2, 40)
  static var shape: [Int] { [samples, length, 3 * heads * width] }

  private func plan(_ precision: Precision, heads: Int = heads, isCausal: Bool) throws -> PlanRun {
    let shape = Self.shape
    let run = try PlanRun([shape[0], 1], .elements(.halfSquared), precision: precision) { input in
      input.parameter(.test("x", shape)).attended(heads: heads, causal: isCausal)
    }
    run["x"] = randomValues(run["x"].count, stream: 1)
    return run
  }

  @Test(arguments: [true, false], PrecisionTests.rounding) func multipliesRoundedOperands(
    _ isCausal: Bool, precision: Precision
  ) throws {
    let run = try plan(precision, isCausal: isCausal)
    let targets = randomValues(run.output.count, stream: 2)
    try run.run([0, 0], targets: targets)
    let x = run["x"].map(Double.init)
    let upstream = zip(run.output, targets).map { Double($0 - $1) }
    var (output, gradient) = (upstream, x)
    for sample in 0..<Self.samples {
      for head in 0..<Self.heads {
        // Where rows of x or of the result have this head's queries, keys, values or results.
        func places(_ part: Int, of parts: Int) -> [Range<Int>] {
          (0..<Self.length).map { t in
            let row = (sample * Self.length + t) * parts + part
            let start = (row * Self.heads + head) * Self.width
            return start..<(start + Self.width)
          }
        }
        let result = places(0, of: 1)
        let parts = (0..<3).map { places($0, of: 3) }
        let reference = RoundedHead(
          queries: parts[0].map { Array(x[$0]) }, keys: parts[1].map { Array(x[$0]) },
          values: parts[2].map { Array(x[$0]) }, upstream: result.map { Array(upstream[$0]) },
          isCausal: isCausal)
        for t in 0..<Self.length {
          output.replaceSubrange(result[t], with: reference.output[t])
          for part in 0..<3 {
            gradient.replaceSubrange(parts[part][t], with: reference.gradients[part][t])
          }
        }
      }
    }
    // Now and then a number is rounded the other way; one operand unrounded is 1e-3.
    #expect(normwiseError(run.output, output.map { Float($0) }) <= 1e-4)
    #expect(normwiseError(run.gradient("x"), gradient.map { Float($0) }) <= 1e-4)
  }

  /// Heads narrower than 32 stay as they are.
  @Test(arguments: PrecisionTests.rounding) func narrowHeadsStayFloat32(
    _ precision: Precision
  ) throws {
    let runs = try [precision, .float32].map { precision in
      let run = try plan(precision, heads: 4, isCausal: true)
      try run.run([0, 0], targets: randomValues(run.output.count, stream: 2))
      return run
    }
    #expect(sameBits(runs[0].output, runs[1].output))
    #expect(sameBits(runs[0].gradient("x"), runs[1].gradient("x")))
  }
}

/// One head in double precision, but for operands of products: rows of `[T, width]`.
private struct RoundedHead {
  private(set) var output: [[Double]] = []
  /// Of queries, keys and values.
  private(set) var gradients: [[[Double]]]

  init(
    queries: [[Double]], keys: [[Double]], values: [[Double]], upstream: [[Double]], isCausal: Bool
  ) {
    let scale = Double(1 / Float(queries[0].count).squareRoot())
    let q = queries.map { $0.map { rounded($0 * scale) } }
    let (k, v) = (keys.map { $0.map(rounded) }, values.map { $0.map(rounded) })
    let zeros = queries.map { $0.map { _ in 0.0 } }
    gradients = [zeros, zeros, zeros]
    for (i, d) in upstream.map({ $0.map(rounded) }).enumerated() {
      let seen = 0..<(isCausal ? i + 1 : k.count)
      let scores = seen.map { dot(q[i], k[$0]) }
      let largest = scores.max() ?? 0
      let exponentials = scores.map { exp($0 - largest) }
      let sum = exponentials.reduce(0, +)
      let weights = exponentials.map { $0 / sum }
      var result = zeros[i]
      for j in seen { add(rounded(exponentials[j]) / sum, v[j], to: &result) }
      output.append(result)
      let slopes = seen.map { dot(v[$0], d) }
      let mean = dot(weights, slopes)
      for j in seen {
        let slope = rounded(weights[j] * (slopes[j] - mean))
        add(slope * scale, k[j], to: &gradients[0][i])
        add(slope, q[i], to: &gradients[1][j])
        add(rounded(weights[j]), d, to: &gradients[2][j])
      }
    }
  }
}

private func rounded(_ value: Double) -> Double {
  var result = Float(value)
  ck_round_to_bfloat16([result], &result, 1)
  return Double(result)
}

private func dot(_ a: [Double], _ b: [Double]) -> Double {
  zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
}

private func add(_ factor: Double, _ row: [Double], to sum: inout [Double]) {
  for index in row.indices { sum[index] += factor * row[index] }
}
