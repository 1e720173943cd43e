/// Who is waited for, read from the statuses of a node's ranks.
package struct Diagnosis {
  /// One clause a culprit, or that all ranks of this host wait.
  package let text: String
  /// The position that tells.
  package let speaker: Int

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
    let stopped = statuses.indices.filter { Diagnosis.isStopped(statuses[$0], now) }
    let working = statuses.indices.filter { !statuses[$0].isWaiting }
    let culprits = stopped.isEmpty ? working : stopped
    speaker = first + (statuses.indices.first { !stopped.contains($0) } ?? 0)
    if culprits.isEmpty {
      text =
        "every rank of \(host) waits"
        + (otherHosts.isEmpty ? "" : " for another host: \(otherHosts.joined(separator: ", "))")
      return
    }
    text = culprits.map { index in
      let status = statuses[index]
      let seconds = (now &- min(now, status.since)) / 1_000_000_000
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
