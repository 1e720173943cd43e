import DataParallel
import Testing
import Training

@Suite struct StragglerTests {
  /// One step of `milliseconds` after another; `compute` gives each rank's own. The ranks meet behind
  /// every `round` steps. Returns who is named, and after how many steps.
  private func names(
    leaves: [Int], steps: Int, milliseconds: Int = 100, round: Int = 1,
    compute: (_ step: Int, _ rank: Int) -> Double
  ) -> [(step: Int, straggler: StragglerWatch.Straggler)] {
    let (begin, first) = (1_000_000_000, 7)
    var watch = StragglerWatch(leaves: leaves, step: first, now: UInt64(begin))
    var result: [(step: Int, straggler: StragglerWatch.Straggler)] = []
    var statuses = leaves.map { _ in RankStatus() }
    for index in 0..<steps {
      for rank in leaves.indices {
        statuses[rank].computeNanoseconds = UInt64(compute(index, rank) * 1e6)
        statuses[rank].waitNanoseconds = UInt64((rank + 1) * 1_000_000)
        statuses.withUnsafeMutableBufferPointer { $0.baseAddress.map { ($0 + rank).endStep() } }
      }
      let done = index + 1
      guard done % round == 0 else { continue }
      let now = UInt64(begin + done * milliseconds * 1_000_000)
      if let straggler = watch.observe(step: first + done, now: now, statuses) {
        result.append((done, straggler))
      }
    }
    return result
  }

  @Test func `A rank that is always slower is named with its times`() throws {
    let found = names(leaves: [1, 1, 1], steps: 100) { $1 == 1 ? 32 : 20 }
    #expect(found.count == 1)
    // Two windows of 2.5 s.
    #expect(found.first?.step == 50)
    let straggler = try #require(found.first?.straggler)
    #expect(straggler.position == 1)
    #expect(straggler.own.compute == 32 && straggler.own.wait == 2)
    #expect(straggler.median.compute == 20 && straggler.median.wait == 3)
    #expect(abs(straggler.ratio - 1.6) < 1e-12)
  }

  @Test func `Of two ranks the slower`() {
    let straggler = names(leaves: [2, 2], steps: 60) { $1 == 0 ? 31 : 20 }.first?.straggler
    #expect(straggler?.position == 0)
    #expect(straggler?.own.wait == 1 && straggler?.median.wait == 2)
  }

  /// Of hosts that train apart: a window is as many rounds as it needs, and the times are a step's.
  @Test(arguments: [(round: 10, named: 60), (round: 40, named: 80)])
  func `Where ranks meet now and then`(round: Int, named: Int) throws {
    let found = names(leaves: [1, 1], steps: 400, round: round) { $1 == 1 ? 40 : 20 }
    #expect(found.count == 1 && found.first?.step == named)
    let straggler = try #require(found.first?.straggler)
    #expect(straggler.position == 1)
    #expect(straggler.own.compute == 40 && straggler.own.wait == 2)
    #expect(straggler.median.compute == 20 && straggler.median.wait == 1)
  }

  @Test func `Nobody, where there is no reason`() {
    #expect(names(leaves: [1, 1, 1], steps: 300) { $1 == 1 ? 29 : 20 }.isEmpty, "1.45 times")
    #expect(names(leaves: [2, 1, 1], steps: 300) { $1 == 0 ? 40 : 20 }.isEmpty, "twice the leaves")
    #expect(names(leaves: [1, 1], steps: 300) { $0 == 40 && $1 == 1 ? 3000 : 20 }.isEmpty, "once")
    #expect(names(leaves: [1, 1, 0], steps: 300) { _, _ in 20 }.isEmpty, "one has no leaves")
    // Slow in turn, never for two windows.
    #expect(names(leaves: [1, 1, 1], steps: 300) { $1 == $0 / 25 % 3 ? 40 : 20 }.isEmpty)
    #expect(
      names(leaves: [1, 1], steps: 300, milliseconds: 1) { $1 == 1 ? 2 : 1 }.isEmpty, "0.3 s")
  }

  @Test func `Named again after a minute`() {
    let found = names(leaves: [1, 1], steps: 1000) { $1 == 1 ? 40 : 20 }
    #expect(found.count == 2)
    let seconds = found.map { Double($0.step) * 0.1 }
    if found.count == 2 { #expect((60...64).contains(seconds[1] - seconds[0])) }
  }
}
