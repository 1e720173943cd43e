/// Who is waited for, read from the statuses of a node's ranks.
package struct Diagnosis {
  /// One clause a culprit, or that all ranks of this host wait.
  package let text: String
  /// The position that tells.
  package let speaker: Int
  /// When the phase began that takes longest of those that are waited for, and which it is. Ranks
  /// that wait for one that works, and gets on, are no reason to end.
  package let oldest: (since: UInt64, phase: RankStatus.Phase)

  init(_ board: Watchdog.Board, now: UInt64) {
    self.init(
      board.positions.map { board.statuses[$0] }, first: board.positions.lowerBound,
      host: board.host, otherHosts: board.otherHosts, now: now)
  }

  /// - Parameters:
  ///   - statuses: of the node's ranks, in order.
  ///   - first: the position of the first of them.
  package init(
    _ statuses: [RankStatus], first: Int, host: String, otherHosts: [String], now: UInt64
  ) {
    func silence(_ index: Int) -> UInt64 { now &- min(now, statuses[index].since) }
    let stopped = statuses.indices.filter { Diagnosis.isStopped(statuses[$0], now) }
    let working = statuses.indices.filter { !statuses[$0].isWaiting }
    let suspects = stopped.isEmpty ? working : stopped
    let longest = suspects.map(silence).max() ?? 0
    // Who has just begun something is not what is waited for.
    let culprits = suspects.filter { silence($0) >= longest / 2 }
    speaker = first + (statuses.indices.first { !stopped.contains($0) } ?? 0)
    let last =
      (culprits.isEmpty ? Array(statuses.indices) : culprits)
      .min { statuses[$0].since < statuses[$1].since } ?? 0
    oldest = (statuses[last].since, statuses[last].phase)
    if culprits.isEmpty {
      text =
        "every rank of \(host) waits"
        + (otherHosts.isEmpty ? "" : " for another host: \(otherHosts.joined(separator: ", "))")
      return
    }
    text = culprits.map { index in
      let status = statuses[index]
      let seconds = silence(index) / 1_000_000_000
      let how =
        stopped.contains(index) ? "is stopped (it does not run at all), last seen" : "has been"
      return "rank \(status.rank) (process \(status.process)) on \(host) \(how) "
        + "\(status.phase) for \(seconds) s"
    }.joined(separator: "; ")
  }

  /// Its thread writes a heartbeat ten times a second.
  private static func isStopped(_ status: RankStatus, _ now: UInt64) -> Bool {
    now > status.beat && now - status.beat > 1_500_000_000
  }
}
