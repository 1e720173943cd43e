import CKernels

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
  private let lowBits: UInt32
  private let highBits: UInt32

  /// - Parameter stream: the epoch, or 0 where there is one permutation for the run.
  package init(count: Int, seed: UInt64, purpose: Philox.Purpose, stream: UInt64 = 0) {
    precondition(count >= 0)
    self.count = count
    let bits = UInt32(max(2, Int.bitWidth - max(count - 1, 1).leadingZeroBitCount))
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
    var value = UInt64(index)
    withUnsafeMutablePointer(to: &value) {
      apply(to: UnsafeMutableBufferPointer(start: $0, count: 1))
    }
    return Int(value)
  }

  /// Each index becomes its image. Many at once cost a tenth of one by one.
  package func apply(to indices: UnsafeMutableBufferPointer<UInt64>) {
    precondition(indices.allSatisfy { $0 < UInt64(count) }, "index outside the permutation")
    guard let start = indices.baseAddress else { return }
    ck_permute(start, indices.count, UInt64(count), keys, lowBits, highBits)
  }
}
