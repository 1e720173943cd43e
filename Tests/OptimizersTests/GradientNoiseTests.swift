import Optimizers
import TestSupport
import Testing

@Suite struct GradientNoiseTests {
  @Test func deviationFalls() {
    // √(0.3/8^0.55)
    #expect(abs(GradientNoise.deviation(0.3, step: 7) - 0.309180) < 1e-5)
    #expect(GradientNoise.deviation(0.25, step: 0) == 0.5)
  }

  @Test func isNormalAndKeyedByStepAndElement() {
    func noise(_ range: Range<Int>, step: Int, seed: UInt64 = 1) -> [Float] {
      var gradient = [Float](repeating: 1, count: range.count)
      GradientNoise.add(to: &gradient, range, deviation: 2, step: step, seed: seed)
      return gradient.map { ($0 - 1) / 2 }
    }
    let whole = noise(0..<20_000, step: 3)
    let mean = whole.reduce(0) { $0 + Double($1) } / 20_000
    let variance = whole.reduce(0) { $0 + Double($1) * Double($1) } / 20_000
    #expect(abs(mean) < 0.03 && abs(variance - 1) < 0.05)
    #expect(sameBits(noise(0..<999, step: 3) + noise(999..<20_000, step: 3), whole))
    #expect(!sameBits(noise(0..<20_000, step: 4), whole))
    #expect(!sameBits(noise(0..<20_000, step: 3, seed: 2), whole))
  }
}
