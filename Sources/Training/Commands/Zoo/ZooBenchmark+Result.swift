import Reports

extension ZooBenchmark {
  /// What a program said of its steps.
  struct Timing {
    var milliseconds: Double
    /// Over all ranks.
    var samples: Double
    var megabytes: Double

    var samplesPerSecond: Double { samples / milliseconds * 1e3 }
  }

  /// Steps of ours and the peer's on as many ranks, of as many samples each.
  struct Comparison {
    var ours: Timing
    var peer: Timing?

    /// Samples a second against the peer's.
    var ratio: Double? { peer.map { ours.samplesPerSecond / $0.samplesPerSecond } }
  }

  /// What was found of one model.
  package struct Result {
    let row: ZooRow
    var metric: (name: String, value: Double)?
    var trainingSeconds: Double?
    let onTwoRanks: Comparison
    let onOneRank: Comparison
    let digests: [(ranks: Int, digest: String)]

    var hasEqualBits: Bool { Set(digests.map(\.digest)).count == 1 }

    package var line: String {
      var line = ResultLine()
      line.add("model", row.name)
      func add(_ key: String, _ value: Double?, _ decimals: Int) {
        if let value { line.add(key, value, decimals: decimals) }
      }
      if let metric { add(metric.name, metric.value, 4) }
      add("train_s", trainingSeconds, 1)
      add("step_ms", onTwoRanks.ours.milliseconds, 4)
      add("rss_mb", onTwoRanks.ours.megabytes, 0)
      add("peer_step_ms", onTwoRanks.peer?.milliseconds, 4)
      add("peer_rss_mb", onTwoRanks.peer?.megabytes, 0)
      add("ratio", onTwoRanks.ratio, 2)
      add("step_1_ms", onOneRank.ours.milliseconds, 4)
      add("peer_step_1_ms", onOneRank.peer?.milliseconds, 4)
      add("ratio_1", onOneRank.ratio, 2)
      line.add("ranks", digests.map { "\($0.ranks)" }.joined(separator: ","))
      line.add("sha256", hasEqualBits ? digests.first?.digest ?? "" : "DIFFERS")
      return line.text
    }
  }
}
