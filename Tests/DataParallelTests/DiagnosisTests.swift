import DataParallel
import Testing

@Suite struct DiagnosisTests {
  private let now: UInt64 = 100_000_000_000

  /// - Parameters:
  ///   - seconds: since when it is in its phase.
  ///   - beat: seconds since its watchdog looked.
  private func status(
    _ rank: Int32, _ phase: RankStatus.Phase, seconds: UInt64, isWaiting: Bool, beat: Double = 0.1
  ) -> RankStatus {
    var status = RankStatus()
    status.rank = rank
    status.process = 1000 + rank
    status.phase = phase
    status.since = now - seconds * 1_000_000_000
    status.isWaiting = isWaiting
    status.beat = now - UInt64(beat * 1e9)
    return status
  }

  private func diagnosis(_ statuses: [RankStatus], others: [String] = []) -> Diagnosis {
    Diagnosis(statuses, first: 0, host: "n1", otherHosts: others, now: now)
  }

  @Test func whoWaitsForNobodyIsNamed() {
    let found = diagnosis([
      status(4, .forward, seconds: 9, isWaiting: true),
      status(5, .evaluating, seconds: 7, isWaiting: false),
    ])
    #expect(found.text == "rank 5 (process 1005) on n1 has been evaluating for 7 s")
  }

  @Test func aStoppedRankIsNamedThoughItsLastWordWasThatItWaits() {
    let found = diagnosis([
      status(0, .forward, seconds: 9, isWaiting: true, beat: 8),
      status(1, .forward, seconds: 9, isWaiting: true),
    ])
    #expect(found.text.contains("rank 0 (process 1000) on n1 is stopped"))
    #expect(!found.text.contains("rank 1"))
    #expect(found.speaker == 1, "a stopped rank says nothing")
  }

  @Test func aHostWithoutACulpritNamesTheOthers() {
    let waiting = [status(0, .reducing, seconds: 9, isWaiting: true)]
    #expect(diagnosis(waiting, others: ["n2", "n3"]).text.contains("another host: n2, n3"))
  }

  @Test func whoGetsOnIsNotWaitedForTooLong() {
    let found = diagnosis([
      status(0, .summing, seconds: 90, isWaiting: true),
      status(1, .evaluating, seconds: 2, isWaiting: false),
    ])
    #expect(found.oldest == (now - 2_000_000_000, .evaluating))
    let stuck = diagnosis([
      status(0, .evaluating, seconds: 1, isWaiting: false),
      status(1, .evaluating, seconds: 9, isWaiting: false),
    ])
    #expect(stuck.oldest == (now - 9_000_000_000, .evaluating))
    #expect(stuck.text == "rank 1 (process 1001) on n1 has been evaluating for 9 s")
    let everybody = diagnosis([
      status(0, .summing, seconds: 8, isWaiting: true),
      status(1, .summing, seconds: 5, isWaiting: true),
    ])
    #expect(everybody.oldest == (now - 8_000_000_000, .summing))
  }

  @Test func limits() {
    let limits = Watchdog.Limits()
    #expect(limits.warning(.forward, medianStep: 0.1) == 10)
    #expect(limits.warning(.reducing, medianStep: 2) == 40)
    #expect(limits.warning(.summing, medianStep: 0.1) == 60)
    #expect(limits.end(.evaluating, medianStep: 0.1) == 120, "a chunk")
    #expect(limits.end(.forward, medianStep: 0.1) == 120)
    #expect(limits.end(.reducing, medianStep: 3) == 300)
    #expect(limits.end(.saving, medianStep: 0.1) == 600)
    let rounds = Watchdog.Limits(roundSteps: 500)
    #expect(rounds.warning(.joining, medianStep: 0.1) == 50, "as long as a round")
    #expect(rounds.end(.joining, medianStep: 0.1) == 250)
    #expect(rounds.end(.reducing, medianStep: 0.1) == 120)
    #expect(limits.end(.joining, medianStep: 3) == 300)
    #expect(Watchdog.Limits(fixed: 5).end(.loading, medianStep: 3) == 5)
  }
}
