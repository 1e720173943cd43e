import Basics
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Musl
#endif

@Suite struct DeterministicMathTests {
  @Test func logarithmAgreesWithTheLibrary() {
    let random = Philox(seed: 0, purpose: .test)
    var worst = 0.0
    for index in 0..<20_000 {
      let words = random.block(UInt64(index))
      let unit = (Double(words.x) + 1) * 0x1p-32
      let wide = Double(
        sign: .plus, exponent: Int(words.y % 2000) - 1000, significand: 1 + unit / 2)
      // Near 1 the logarithm itself is small.
      for value in [unit, 1 - unit * 0x1p-20, 1 + unit * 0x1p-20, wide] {
        let expected = log(value)
        guard expected != 0 else { continue }
        worst = max(worst, abs(DeterministicMath.log(value) / expected - 1))
      }
    }
    #expect(worst < 1e-15)
    #expect(DeterministicMath.log(1) == 0)
  }

  @Test func cosineAgreesWithTheLibrary() {
    let random = Philox(seed: 0, purpose: .test, stream: 1)
    var worst = 0.0
    for index in 0..<20_000 {
      let turn = Double(random.bits(UInt64(index))) * 0x1p-32
      // The library sees an angle rounded to 2^-53 of up to 2π: 4.4e-16 of its own.
      worst = max(worst, abs(DeterministicMath.cosineOfTurn(turn) - cos(2 * Double.pi * turn)))
    }
    #expect(worst < 1e-15)
    #expect(DeterministicMath.cosineOfTurn(0) == 1)
    #expect(DeterministicMath.cosineOfTurn(0.5) == -1)
    #expect(abs(DeterministicMath.cosineOfTurn(0.25)) < 1e-15)
    #expect(abs(DeterministicMath.cosineOfTurn(0.75)) < 1e-15)
  }
}
