import Basics
import Testing

@Suite struct PhiloxTests {
  // Random123, tests/kat_vectors: philox4x32 10, columns counter, key, expected.
  static let knownAnswers: [(counter: SIMD4<UInt32>, key: SIMD2<UInt32>, SIMD4<UInt32>)] = [
    (
      SIMD4(repeating: 0), SIMD2(repeating: 0),
      SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8)
    ),
    (
      SIMD4(repeating: 0xffff_ffff), SIMD2(repeating: 0xffff_ffff),
      SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd)
    ),
    (
      SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), SIMD2(0xa409_3822, 0x299f_31d0),
      SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1)
    ),
  ]

  @Test(arguments: knownAnswers.indices) func knownAnswer(_ index: Int) {
    var (counter, key, expected) = PhiloxTests.knownAnswers[index]
    #expect(Philox.rounds(&counter, key) == expected)
  }

  @Test func everyPartOfTheKeyMatters() {
    let purposes: [Philox.Purpose] = [.initialization, .epochOrder, .split, .test]
    var seen: Set<SIMD4<UInt32>> = []
    for seed in [0, 1, UInt64(1) << 32] {
      for purpose in purposes {
        for stream in [0, 1, UInt64(1) << 32] {
          let random = Philox(seed: seed, purpose: purpose, stream: stream)
          for block in [0, 1, UInt64(1) << 32] { seen.insert(random.block(block)) }
        }
      }
    }
    #expect(seen.count == 3 * 4 * 3 * 3)
  }

  @Test func bitsAreTheWordsOfBlocks() {
    let random = Philox(seed: 5, purpose: .test)
    let words = (0..<8).map { random.bits($0) }
    let blocks = (0..<2).flatMap { index in (0..<4).map { random.block(UInt64(index))[$0] } }
    #expect(words == blocks)
  }

  @Test func uniformFillsItsRangeEvenly() {
    let random = Philox(seed: 1, purpose: .test)
    let draws = 64_000
    var bins = [Double](repeating: 0, count: 64)
    for element in 0..<draws {
      let value = random.uniform(UInt64(element))
      #expect(value >= 0 && value < 1)
      bins[Int(value * 64)] += 1
    }
    // 63 degrees of freedom: mean 63, deviation 11.
    #expect(abs(chiSquare(bins) - 63) < 45)
  }

  @Test func normalHasTheMomentsOfANormal() {
    let random = Philox(seed: 1, purpose: .test)
    let count = 100_000
    let values = (0..<count).map { Double(random.normal(UInt64($0))) }
    func moment(_ power: Int) -> Double {
      values.reduce(0) { sum, value in sum + (0..<power).reduce(1) { p, _ in p * value } }
        / Double(count)
    }
    // Deviations of these estimates: 0.003, 0.0045, 0.012, 0.031.
    #expect(abs(moment(1)) < 0.015)
    #expect(abs(moment(2) - 1) < 0.02)
    #expect(abs(moment(3)) < 0.05)
    #expect(abs(moment(4) - 3) < 0.15)
    let tail = values.count { abs($0) > 1.959964 }
    #expect(abs(Double(tail) / Double(count) - 0.05) < 0.004)
  }
}

/// Σ(observed − mean)²/mean for equally likely bins.
func chiSquare(_ bins: [Double]) -> Double {
  let mean = bins.reduce(0, +) / Double(bins.count)
  return bins.reduce(0) { $0 + ($1 - mean) * ($1 - mean) / mean }
}
