import Testing
import Training

@Suite struct LossSpikeTests {
  /// Losses that swing by ±0.1 around 1: their deviation is 0.1.
  private func calm(_ steps: Int) -> LossSpikes {
    var spikes = LossSpikes()
    for step in 0..<steps { #expect(spikes.observe(step % 2 == 0 ? 0.9 : 1.1) == nil) }
    return spikes
  }

  @Test func reportsDeviationsAboveTheMean() throws {
    var spikes = calm(400)
    #expect(spikes.observe(1.59) == nil)
    spikes = calm(400)
    let found = spikes.observe(1.7)
    let z = try #require(found)
    #expect(abs(z - 7) < 1e-9)
    // The spike is now part of what the next is measured by; a low loss is none.
    #expect(spikes.observe(1.7) == nil)
    #expect(spikes.observe(-5) == nil)
  }

  @Test func needsStepsAndNumbers() {
    var young = calm(31)
    #expect(young.observe(100) == nil)
    var ready = calm(32)
    #expect(ready.observe(100) != nil)
    var broken = calm(64)
    #expect(broken.observe(.nan) == nil)
    #expect(broken.observe(.infinity) == nil)
    #expect(broken.observe(100) != nil, "what is not finite is not remembered")
    var flat = LossSpikes()
    for _ in 0..<200 { #expect(flat.observe(1) == nil) }
    #expect(flat.observe(2) == nil, "nothing to measure by")
  }

  @Test func forgetsAfter128Steps() {
    var spikes = LossSpikes()
    for step in 0..<64 { _ = spikes.observe(step % 2 == 0 ? 9 : 11) }
    for step in 0..<128 { _ = spikes.observe(step % 2 == 0 ? 0.9 : 1.1) }
    #expect(spikes.observe(1.7) != nil)
  }
}
