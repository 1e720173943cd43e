import Basics
import CKernels
import Graph
import TestSupport
import Testing

/// Dropout's masks: who draws them does not matter, what they are for does.
@Suite struct DropoutTests {
  /// 0 or 1/(1 − p), drawn by the other Philox of this project.
  static func factor(
    _ context: ck_random_context, _ ordinal: UInt64, _ probability: Double, _ sample: Int,
    _ element: Int
  ) -> Double {
    let key = context.seed &+ 5 &* 0x9E37_79B9_7F4A_7C15 &+ ordinal &* 0xD1B5_4A32_D192_ED03
    var counter = SIMD4(
      UInt32(element / 4), UInt32(context.first_sample) + UInt32(sample),
      UInt32(truncatingIfNeeded: context.step), UInt32(context.step >> 32))
    let words = Philox.rounds(
      &counter, SIMD2(UInt32(truncatingIfNeeded: key), UInt32(key >> 32)))
    return Double(words[element % 4]) < probability * 0x1p32 ? 0 : 1 / (1 - probability)
  }

  private static func mask(
    samples: Int, seed: UInt64 = 1, step: UInt64 = 0, first: UInt64 = 0, ordinal: Int = 0,
    probability: Float = 0.25, mode: Plan.Mode = .training
  ) throws -> [Float] {
    let run = try PlanRun([samples, 1000], .meanSquaredError, mode: mode) { x in
      x.applying(Dropout(probability: probability, ordinal: ordinal))
        + x.parameter(.test("zero", [samples, 1000]))
    }
    let ones = [Float](repeating: 1, count: samples * 1000)
    try run.run(
      ones, targets: ones,
      random: ck_random_context(seed: seed, step: step, first_sample: first))
    return run.output
  }

  @Test func leavesDrawWhatTheWholeBatchDraws() throws {
    let whole = try Self.mask(samples: 5, first: 2)
    let parts = try Self.mask(samples: 2, first: 2) + Self.mask(samples: 3, first: 4)
    #expect(whole == parts)
  }

  @Test func everyKeyMatters() throws {
    let masks = try [
      Self.mask(samples: 1), Self.mask(samples: 1, seed: 2), Self.mask(samples: 1, step: 1),
      Self.mask(samples: 1, step: 1 << 40), Self.mask(samples: 1, first: 1),
      Self.mask(samples: 1, ordinal: 1),
    ]
    #expect(Set(masks).count == masks.count)
    #expect(try Self.mask(samples: 1) == masks[0])
  }

  @Test func keepsTheMean() throws {
    let mask = try Self.mask(samples: 100)
    #expect(Set(mask) == [0, 1 / 0.75])
    let dropped = mask.count { $0 == 0 }
    #expect(abs(Double(dropped) / 100_000 - 0.25) < 0.005)
  }

  @Test func isTheIdentityInEvaluation() throws {
    #expect(try Self.mask(samples: 2, mode: .evaluation) == [Float](repeating: 1, count: 2000))
  }

  @Test func refusesImpossibleProbabilities() {
    for probability: Float in [-0.1, 1, .nan] {
      #expect(failure { _ = try Self.mask(samples: 1, probability: probability) }?.kind == .usage)
    }
  }
}
