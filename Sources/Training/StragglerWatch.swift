package import DataParallel

/// Finds a rank that keeps the others waiting: one that computes longer than the others, window
/// after window. Rank 0 has one; it sees every rank's times where all ranks meet: in each step, or
/// at the end of each round of hosts that train apart.
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
    /// Of the median rank by time a leaf; of two ranks the faster.
    package let median: Times
    /// Its time a leaf over the median rank's.
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
  /// Where the window began: steps done, the time, and what every rank had said.
  private var start: (step: Int, time: UInt64, statuses: [RankStatus])
  /// Who was slow in the window before.
  private var suspect: Int?
  private var named: (position: Int, time: UInt64)?

  /// - Parameters:
  ///   - step: steps done before the first.
  ///   - now: CLOCK_MONOTONIC in nanoseconds.
  package init(leaves: [Int], step: Int, now: UInt64) {
    self.leaves = leaves
    start = (step, now, leaves.map { _ in RankStatus() })
  }

  /// Looks at the ranks' times, by position, in all steps that are over.
  /// - Parameters:
  ///   - step: how many those are.
  ///   - now: CLOCK_MONOTONIC in nanoseconds.
  package mutating func observe(
    step: Int, now: UInt64, _ statuses: UnsafePointer<RankStatus>
  ) -> Straggler? {
    let steps = step - start.step
    guard steps >= Self.windowSteps, now - start.time >= Self.windowNanoseconds else { return nil }
    defer { start = (step, now, leaves.indices.map { statuses[$0] }) }
    func milliseconds(_ time: KeyPath<RankStatus, UInt64>, of position: Int) -> Double {
      let sum = statuses[position][keyPath: time] - start.statuses[position][keyPath: time]
      return Double(sum) / 1e6 / Double(steps)
    }
    return judge(
      leaves.indices.map {
        Times(
          compute: milliseconds(\.pastComputeNanoseconds, of: $0),
          wait: milliseconds(\.pastWaitNanoseconds, of: $0))
      }, now)
  }

  private mutating func judge(_ times: [Times], _ now: UInt64) -> Straggler? {
    func perLeaf(_ position: Int) -> Double { times[position].compute / Double(leaves[position]) }
    let working = leaves.indices.filter { leaves[$0] > 0 }.sorted { perLeaf($0) < perLeaf($1) }
    guard let slowest = working.last else { return nil }
    let median = working[(working.count - 1) / 2]
    let ratio = perLeaf(slowest) / max(1e-6, perLeaf(median))
    let before = suspect
    suspect = ratio > Self.factor ? slowest : nil
    guard let suspect, suspect == before else { return nil }
    if let named, named.position == suspect, now - named.time < Self.silenceNanoseconds {
      return nil
    }
    named = (suspect, now)
    return Straggler(
      position: suspect, own: times[suspect], median: times[median], ratio: ratio)
  }
}
