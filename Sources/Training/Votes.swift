import DataParallel

extension NodeArena {
  /// What ranks say about a step together.
  struct Votes {
    var hasNonFinite = false
    var wantsStop = false
    /// The longest, and whose.
    var computeNanoseconds: UInt64 = 0
    var slowest = 0
    /// The most of any host that trains alone.
    var skipped = 0
    var updates = 0
  }

  /// Of the ranks at `positions`. Valid between their meetings.
  func votes(of positions: Range<Int>) -> Votes {
    var result = Votes()
    for rank in positions {
      let status = statuses[rank]
      result.hasNonFinite = result.hasNonFinite || status.hasNonFinite
      result.wantsStop = result.wantsStop || status.wantsStop
      result.skipped = max(result.skipped, status.skipped)
      result.updates = max(result.updates, status.updates)
      if status.computeNanoseconds > result.computeNanoseconds {
        result.computeNanoseconds = status.computeNanoseconds
        result.slowest = rank
      }
    }
    return result
  }
}
