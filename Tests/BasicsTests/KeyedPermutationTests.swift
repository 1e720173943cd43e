import Basics
import Testing

@Suite struct KeyedPermutationTests {
  @Test(arguments: [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 1000, 1023, 1024, 1025, 60_000])
  func isABijection(_ count: Int) {
    let permutation = KeyedPermutation(count: count, seed: 3, purpose: .test)
    var seen = [Bool](repeating: false, count: count)
    for index in 0..<count { seen[permutation(index)] = true }
    #expect(!seen.contains(false))
  }

  @Test func anEmptyOneCanBeMade() {
    #expect(KeyedPermutation(count: 0, seed: 0, purpose: .test).count == 0)
  }

  @Test func worksNearTheLargestCounts() {
    for count in [1 << 40 + 1, Int.max] {
      let permutation = KeyedPermutation(count: count, seed: 3, purpose: .test)
      let images = Set([0, 1, count / 2, count - 1].map { permutation($0) })
      #expect(images.count == 4)
      #expect(images.allSatisfy { $0 >= 0 && $0 < count })
    }
  }

  /// The network written out, one index at a time: the same order whoever computes it, and the
  /// order that checkpoints of earlier versions go on with.
  private func network(_ index: Int, count: Int, seed: UInt64, bits: Int) -> Int {
    let random = Philox(seed: seed, purpose: .test)
    var widths = (left: bits - bits / 2, right: bits / 2)
    var value = UInt64(index)
    repeat {
      var (left, right) = (value >> widths.right, value & (1 << widths.right - 1))
      for round in 0..<8 {
        let words = random.block(UInt64(round))
        var mixed = (right ^ (UInt64(words.x) << 32 | UInt64(words.y))) &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        (left, right) = (right, left ^ (mixed & (1 << widths.left - 1)))
        widths = (widths.right, widths.left)
      }
      value = left << widths.right | right
    } while value >= UInt64(count)
    return Int(value)
  }

  @Test(arguments: [(1, 2), (5, 3), (1000, 10), (1025, 11), (60_000, 16), (200_000, 18)])
  func manyAtOnceFollowTheNetwork(_ count: Int, bits: Int) {
    let permutation = KeyedPermutation(count: count, seed: 5, purpose: .test)
    // Lengths around a vector's and a chunk's, from different places.
    for (start, length) in [(0, 1), (0, 7), (3, 9), (1, 64), (0, 65), (100, 1000)]
    where start + length <= count {
      var indices = (start..<start + length).map { UInt64($0) }
      indices.withUnsafeMutableBufferPointer { permutation.apply(to: $0) }
      let expected = (start..<start + length).map {
        UInt64(network($0, count: count, seed: 5, bits: bits))
      }
      #expect(indices == expected)
    }
  }

  @Test func seedPurposeAndStreamChangeIt() {
    let permutations = [
      KeyedPermutation(count: 100, seed: 0, purpose: .split),
      KeyedPermutation(count: 100, seed: 1, purpose: .split),
      KeyedPermutation(count: 100, seed: 0, purpose: .epochOrder),
      KeyedPermutation(count: 100, seed: 0, purpose: .epochOrder, stream: 1),
    ]
    let orders = Set(permutations.map { permutation in (0..<100).map { permutation($0) } })
    #expect(orders.count == 4)
  }

  /// Over many keys each index goes everywhere equally often.
  @Test(arguments: [3, 5, 10, 16, 50]) func imagesAreUniform(_ count: Int) {
    let keys = 400 * count
    for index in [0, count / 2, count - 1] {
      var bins = [Double](repeating: 0, count: count)
      for key in 0..<keys {
        let permutation = KeyedPermutation(
          count: count, seed: 1, purpose: .test, stream: UInt64(key))
        bins[permutation(index)] += 1
      }
      // Mean n − 1, deviation √(2(n − 1)); five deviations and room for few degrees of freedom.
      let freedom = Double(count - 1)
      #expect(chiSquare(bins) < freedom + 5 * (2 * freedom).squareRoot() + 6)
    }
  }

  /// Neighbours do not stay neighbours, and no position keeps its index more often than by chance.
  @Test func oneOrderLooksRandom() {
    let count = 10_007
    let permutation = KeyedPermutation(count: count, seed: 9, purpose: .test)
    let order = (0..<count).map { permutation($0) }
    // Steps between neighbours in 16 bins of n, modulo n: uniform for a random order.
    var bins = [Double](repeating: 0, count: 16)
    for index in 1..<count {
      bins[(order[index] - order[index - 1] + count) % count * 16 / count] += 1
    }
    #expect(chiSquare(bins) < 15 + 5 * 5.5)
    // Fixed points are Poisson with mean 1.
    #expect(order.indices.count { order[$0] == $0 } < 8)
    // Rank correlation of position and image: deviation 1/√n.
    let mean = Double(count - 1) / 2
    var (product, square) = (0.0, 0.0)
    for (index, image) in order.enumerated() {
      product += (Double(index) - mean) * (Double(image) - mean)
      square += (Double(index) - mean) * (Double(index) - mean)
    }
    #expect(abs(product / square) < 0.05)
  }
}
