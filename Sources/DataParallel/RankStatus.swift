import CKernels

/// What each rank tells the others, two cache lines in the control block: written by its owner
/// only, read between the barriers of a step.
package struct RankStatus: BitwiseCopyable, Sendable {
  package enum Phase: Int32, BitwiseCopyable, Sendable, CustomStringConvertible {
    case starting, loading, planning, assembling, forward, backward, reducing, joining, evaluating
    case summing, saving, measuring, finishing

    package var description: String {
      switch self {
      case .starting: "starting"
      case .loading: "loading data"
      case .planning: "building plans"
      case .assembling: "assembling a batch"
      case .forward: "in the forward pass"
      case .backward: "in the backward pass"
      case .reducing: "reducing gradients and updating"
      case .joining: "joining the hosts' parameters"
      case .evaluating: "evaluating"
      case .summing: "adding up an evaluation"
      case .saving: "saving a checkpoint"
      case .measuring: "measuring"
      case .finishing: "finishing"
      }
    }

    /// Whether the time of a step says how long this may take: an evaluation says so anew with
    /// every chunk.
    package var isShort: Bool {
      [.assembling, .forward, .backward, .reducing, .joining, .evaluating].contains(self)
    }
  }

  package var rank: Int32 = 0
  package var process: Int32 = 0
  package var phase: Phase = .starting
  /// The last step's gradient of this rank had an infinity or a NaN.
  package var hasNonFinite: Bool = false
  /// A signal asked this rank to stop; acts at the next step.
  package var wantsStop: Bool = false
  /// Whether this rank waits for another and looks whether it has come; said by its watchdog.
  package var isWaiting: Bool = false
  /// Whether it is in such a wait, by its own word, and how often it has looked.
  package var isPolling: Bool = false
  package var polls: UInt64 = 0
  /// CLOCK_MONOTONIC when the phase began, in nanoseconds.
  package var since: UInt64 = 0
  /// CLOCK_MONOTONIC when its watchdog last looked: a stopped process has an old one.
  package var beat: UInt64 = 0
  /// Of all parameters as this rank's node has them, in steps in which nodes compare them.
  package var parameterHash: UInt64 = 0
  /// Nanoseconds in the current step.
  package var computeNanoseconds: UInt64 = 0
  package var waitNanoseconds: UInt64 = 0
  /// The same in all steps before, which are over.
  package var pastComputeNanoseconds: UInt64 = 0
  package var pastWaitNanoseconds: UInt64 = 0
  /// Of a host that trains alone, by its first rank at the end of a round: non-finite steps in a
  /// row, updates made, and steps of the round that were skipped.
  package var skipped: Int = 0
  package var updates: Int = 0
  package var roundSkips: Int = 0
  private var padding: (Int, Int, Int) = (0, 0, 0)

  package init() {}
}

extension UnsafeMutablePointer<RankStatus> {
  /// The current step is over: its times join those of the past.
  package func endStep() {
    pointee.pastComputeNanoseconds &+= pointee.computeNanoseconds
    pointee.pastWaitNanoseconds &+= pointee.waitNanoseconds
    pointee.computeNanoseconds = 0
    pointee.waitNanoseconds = 0
  }

  /// Says what this rank does now, for reports about waiting.
  package func enter(_ phase: RankStatus.Phase) {
    // In this order: nobody is to see the new phase since the old one began.
    pointee.since = ck_monotonic_ns()
    pointee.phase = phase
  }
}
