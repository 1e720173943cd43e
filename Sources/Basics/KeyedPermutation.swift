/// A permutation of 0 ..< count that any rank evaluates at any index without storing it.
///
/// A Feistel network on the smallest domain a·b ≥ count with nearly square sides, keyed by
/// Philox; an image outside the range is permuted again until it falls inside (cycle walking,
/// fewer than two evaluations on average).
///
/// Source: Black and Rogaway, "Ciphers with Arbitrary Finite Domains", CT-RSA 2002.
package struct KeyedPermutation: Sendable {
  package let count: Int
  private let keys: [UInt64]
  private let lowBits: UInt64
  private let highBits: UInt64

  /// - Parameter stream: the epoch, or 0 where there is one permutation for the run.
  package init(count: Int, seed: UInt64, purpose: Philox.Purpose, stream: UInt64 = 0) {
    precondition(count >= 0)
    self.count = count
    let bits = UInt64(max(2, Int.bitWidth - max(count - 1, 1).leadingZeroBitCount))
    lowBits = bits / 2
    highBits = bits - bits / 2
    let random = Philox(seed: seed, purpose: purpose, stream: stream)
    keys = (0..<8).map { round in
      let words = random.block(UInt64(round))
      return UInt64(words.x) << 32 | UInt64(words.y)
    }
  }

  /// The image of `index`; a bijection of 0 ..< count. Complexity: O(1) expected.
  package func callAsFunction(_ index: Int) -> Int {
    precondition(index >= 0 && index < count, "index outside the permutation")
    var value = UInt64(index)
    repeat { value = permuteOnce(value) } while value >= UInt64(count)
    return Int(value)
  }

  private func permuteOnce(_ value: UInt64) -> UInt64 {
    // Unbalanced halves swap their widths each round; eight rounds bring them back.
    var (leftBits, rightBits) = (highBits, lowBits)
    var left = value >> lowBits
    var right = value & (1 << lowBits - 1)
    for key in keys {
      let mixed = KeyedPermutation.mix(right ^ key) & (1 << leftBits - 1)
      (left, right) = (right, left ^ mixed)
      (leftBits, rightBits) = (rightBits, leftBits)
    }
    return left << rightBits | right
  }

  /// The finalizer of SplitMix64: every input bit reaches every output bit.
  private static func mix(_ input: UInt64) -> UInt64 {
    var value = input &+ 0x9E37_79B9_7F4A_7C15
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}
