/// Counter-based random numbers: Philox4x32-10.
///
/// A value is a pure function of (seed, purpose, stream, element), so any rank can draw any
/// number of any sample and nothing depends on how the work is divided.
///
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
package struct Philox: Sendable {
  /// What the numbers are for. The value is part of the key: never renumber a case.
  package enum Purpose: UInt32, Sendable {
    case initialization = 1
    case epochOrder = 2
    case split = 3
    case syntheticData = 4
    case dropout = 5
    case sampling = 6
    case gradientNoise = 7
    case window = 8
    case masking = 9
    case evaluationMasking = 10
    case lowRank = 11
    case test = 99
  }

  private let key: SIMD2<UInt32>
  private let stream: UInt64

  /// - Parameter stream: what distinguishes draws of one purpose: an epoch, a step, a sample id
  ///   or a name's hash.
  package init(seed: UInt64, purpose: Purpose, stream: UInt64 = 0) {
    // The purpose is mixed into the key and not the counter, which keeps 64 bits of elements.
    let mixed = (seed &+ UInt64(purpose.rawValue) &* 0x9E37_79B9_7F4A_7C15)
    key = SIMD2(UInt32(truncatingIfNeeded: mixed), UInt32(truncatingIfNeeded: mixed >> 32))
    self.stream = stream
  }

  /// Four independent 32-bit numbers for one block of the stream.
  package func block(_ index: UInt64) -> SIMD4<UInt32> {
    var counter = SIMD4(
      UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32),
      UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32))
    return Philox.rounds(&counter, key)
  }

  package static func rounds(
    _ counter: inout SIMD4<UInt32>, _ initialKey: SIMD2<UInt32>
  ) -> SIMD4<UInt32> {
    var key = initialKey
    for _ in 0..<10 {
      let product0 = UInt64(counter.x) &* 0xD251_1F53
      let product1 = UInt64(counter.z) &* 0xCD9E_8D57
      counter = SIMD4(
        UInt32(truncatingIfNeeded: product1 >> 32) ^ counter.y ^ key.x,
        UInt32(truncatingIfNeeded: product1),
        UInt32(truncatingIfNeeded: product0 >> 32) ^ counter.w ^ key.y,
        UInt32(truncatingIfNeeded: product0))
      key.x &+= 0x9E37_79B9
      key.y &+= 0xBB67_AE85
    }
    return counter
  }

  /// One 32-bit number: word `element % 4` of block `element / 4`.
  package func bits(_ element: UInt64) -> UInt32 { block(element >> 2)[Int(element & 3)] }

  /// Uniform in [0, 1) with 24 bits, exact in `Float`.
  package func uniform(_ element: UInt64) -> Float { Float(bits(element) >> 8) * 0x1p-24 }

  /// Standard normal by Box–Muller on one block an element: two words give the pair's first half.
  package func normal(_ element: UInt64) -> Float {
    let words = block(element)
    // (0, 1]: the logarithm never sees zero.
    let radius = (-2 * DeterministicMath.log((Double(words.x) + 1) * 0x1p-32)).squareRoot()
    return Float(radius * DeterministicMath.cosineOfTurn(Double(words.y) * 0x1p-32))
  }
}
