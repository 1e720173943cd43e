import FoundationEssentials
import Testing
import Training

@Suite struct LossSpikeTests {
  /// Takes the next losses, one a step.
  private struct Run {
    var spikes = LossSpikes()
    var step = 0

    mutating func observe(_ loss: Float) -> LossSpikes.Spike? {
      step += 1
      return spikes.observe(loss, step: step)
    }

    /// Losses that swing by ±0.1 around 1: their deviation is 0.1.
    mutating func calm(_ steps: Int) {
      for _ in 0..<steps { #expect(observe(step % 2 == 0 ? 0.9 : 1.1) == nil) }
    }
  }

  private func calm(_ steps: Int) -> Run {
    var run = Run()
    run.calm(steps)
    return run
  }

  @Test func reportsDeviationsAboveTheMean() throws {
    var run = calm(400)
    #expect(run.observe(1.59) == nil)
    run = calm(400)
    let found = run.observe(1.7)
    let z = try #require(found).deviations
    #expect(abs(z - 7) < 1e-5)
    // The spike is now part of what the next is measured by; a low loss is none.
    #expect(run.observe(1.7) == nil)
    #expect(run.observe(-5) == nil)
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
    var flat = Run()
    for _ in 0..<200 { #expect(flat.observe(1) == nil) }
    #expect(flat.observe(2) == nil, "nothing to measure by")
  }

  @Test func forgetsAfter128Steps() {
    var run = Run()
    for step in 0..<64 { _ = run.observe(step % 2 == 0 ? 9 : 11) }
    for step in 0..<128 { _ = run.observe(step % 2 == 0 ? 0.9 : 1.1) }
    #expect(run.observe(1.7) != nil)
  }

  /// One in a thousand steps; the next says how many there were since.
  @Test func tellsSeldom() {
    var run = calm(400)
    #expect(run.observe(1.7)?.untold == .some(0))
    for _ in 0..<4 {
      run.calm(199)
      let spike = run.observe(1.7)
      #expect(spike != nil && spike?.untold == nil)
    }
    run.calm(199)
    #expect(run.observe(1.7)?.untold == .some(4))
    run.calm(999)
    #expect(run.observe(1.7)?.untold == .some(0))
  }

  /// At any step, with the window full or not.
  @Test func goesOnFromJSON() throws {
    var whole = Run()
    var resumed = Run()
    var found = 0
    for step in 0..<700 {
      let data = try JSONEncoder().encode(resumed.spikes)
      resumed.spikes = try JSONDecoder().decode(LossSpikes.self, from: data)
      let loss: Float = step % 150 == 149 ? 1.7 : 1 + 0.1 * Float.random(in: -1...1)
      let spike = whole.observe(loss)
      #expect(resumed.observe(loss) == spike)
      if spike != nil { found += 1 }
    }
    #expect(found == 4 && resumed.spikes == whole.spikes)
  }
}
