import DataParallel
import Testing
import Training

@Suite struct StragglerTests {
  /// One step after another of `step` seconds; `compute` gives each rank's milliseconds.
  private func names(
    leaves: [Int], steps: Int, step: Double = 0.1, compute: (_ step: Int, _ rank: Int) -> Double
  ) -> [(step: Int, straggler: StragglerWatch.Straggler)] {
    var watch = StragglerWatch(leaves: leaves)
    var result: [(step: Int, straggler: StragglerWatch.Straggler)] = []
    var statuses = leaves.map { _ in RankStatus() }
    for index in 0..<steps {
      for rank in leaves.indices {
        statuses[rank].computeNanoseconds = UInt64(compute(index, rank) * 1e6)
        statuses[rank].lastWaitNanoseconds = UInt64(Double(rank + 1) * 1e6)
      }
      let now = UInt64(1e9 + Double(index) * step * 1e9)
      if let straggler = watch.observe(now: now, statuses) { result.append((index, straggler)) }
    }
    return result
  }

  @Test func `A rank that is always slower is named with its times`() throws {
    let found = names(leaves: [1, 1, 1], steps: 100) { $1 == 1 ? 32 : 20 }
    #expect(found.count == 1)
    // Two windows of 2.5 s: 26 steps each.
    #expect(found.first?.step == 51)
    let straggler = try #require(found.first?.straggler)
    #expect(straggler.position == 1)
    #expect(straggler.own.compute == 32 && straggler.own.wait == 2)
    #expect(straggler.median.compute == 20 && straggler.median.wait == 2)
    #expect(abs(straggler.ratio - 1.6) < 1e-12)
  }

  @Test func `Of two ranks the slower`() {
    #expect(names(leaves: [2, 2], steps: 60) { $1 == 0 ? 31 : 20 }.first?.straggler.position == 0)
  }

  @Test func `Nobody, where there is no reason`() {
    #expect(names(leaves: [1, 1, 1], steps: 300) { $1 == 1 ? 29 : 20 }.isEmpty, "1.45 times")
    #expect(names(leaves: [2, 1, 1], steps: 300) { $1 == 0 ? 40 : 20 }.isEmpty, "twice the leaves")
    #expect(names(leaves: [1, 1], steps: 300) { $0 == 40 && $1 == 1 ? 3000 : 20 }.isEmpty, "once")
    #expect(names(leaves: [1, 1, 0], steps: 300) { _, _ in 20 }.isEmpty, "one has no leaves")
    // Slow in turn, never for two windows.
    #expect(names(leaves: [1, 1, 1], steps: 300) { $1 == $0 / 26 % 3 ? 40 : 20 }.isEmpty)
    #expect(names(leaves: [1, 1], steps: 300, step: 0.001) { $1 == 1 ? 2 : 1 }.isEmpty, "0.3 s")
  }

  @Test func `Named again after a minute`() {
    let found = names(leaves: [1, 1], steps: 1000) { $1 == 1 ? 40 : 20 }
    #expect(found.count == 2)
    let seconds = found.map { Double($0.step) * 0.1 }
    if found.count == 2 { #expect((60...64).contains(seconds[1] - seconds[0])) }
  }
}
