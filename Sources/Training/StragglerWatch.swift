package import DataParallel

/// Finds a rank that keeps the others waiting: one that computes longer than the others, window
/// after window. Rank 0 has one; it sees every rank's times in the step's votes.
///
/// A rank is judged by its time a leaf, because some have one leaf more than others. One slow
/// window may be a hiccup; two in a row are a host that is hot, busy or throttled.
package struct StragglerWatch {
  /// A rank's mean milliseconds a step.
  package struct Times: Equatable, Sendable {
    package var compute = 0.0
    package var wait = 0.0
  }

  package struct Straggler: Equatable, Sendable {
    package let position: Int
    package let own: Times
    /// Of all ranks that compute; of two the faster one's.
    package let median: Times
    /// Its time a leaf over the median of all.
    package let ratio: Double
  }

  private static let factor = 1.5
  /// A window has at least as many steps, and lasts as long.
  private static let windowSteps = 10
  private static let windowNanoseconds: UInt64 = 2_500_000_000
  /// Nobody is named twice within this time.
  private static let silenceNanoseconds: UInt64 = 60_000_000_000

  /// Leaves by position.
  private let leaves: [Int]
  private var sums: [Times]
  private var steps = 0
  private var windowStart: UInt64 = 0
  /// Who was slow in the window before.
  private var suspect: Int?
  private var named: (position: Int, time: UInt64)?

  package init(leaves: [Int]) {
    self.leaves = leaves
    sums = leaves.map { _ in Times() }
  }

  /// Takes one step's times, by position.
  /// - Parameter now: CLOCK_MONOTONIC in nanoseconds.
  package mutating func observe(
    now: UInt64, _ statuses: UnsafePointer<RankStatus>
  ) -> Straggler? {
    if steps == 0 { windowStart = now }
    for position in sums.indices {
      sums[position].compute += Double(statuses[position].computeNanoseconds)
      sums[position].wait += Double(statuses[position].lastWaitNanoseconds)
    }
    steps += 1
    guard steps >= Self.windowSteps, now - windowStart >= Self.windowNanoseconds else { return nil }
    defer {
      for position in sums.indices { sums[position] = Times() }
      steps = 0
    }
    return judge(now)
  }

  private mutating func judge(_ now: UInt64) -> Straggler? {
    let working = leaves.indices.filter { leaves[$0] > 0 }
    func perLeaf(_ position: Int) -> Double { sums[position].compute / Double(leaves[position]) }
    let slowest = working.max { perLeaf($0) < perLeaf($1) } ?? 0
    let ratio = perLeaf(slowest) / max(1, Self.median(working.map(perLeaf)))
    let before = suspect
    suspect = ratio > Self.factor ? slowest : nil
    guard let suspect, suspect == before else { return nil }
    if let named, named.position == suspect, now - named.time < Self.silenceNanoseconds {
      return nil
    }
    named = (suspect, now)
    let scale = 1e6 * Double(steps)
    let own = sums[suspect]
    return Straggler(
      position: suspect, own: Times(compute: own.compute / scale, wait: own.wait / scale),
      median: Times(
        compute: Self.median(working.map { sums[$0].compute }) / scale,
        wait: Self.median(working.map { sums[$0].wait }) / scale),
      ratio: ratio)
  }

  private static func median(_ values: [Double]) -> Double {
    values.sorted()[(values.count - 1) / 2]
  }
}
