/// What each rank tells the others, two cache lines in the control block: written by its owner
/// only, read between the barriers of a step.
package struct RankStatus: BitwiseCopyable, Sendable {
  package enum Phase: Int32, BitwiseCopyable, Sendable, CustomStringConvertible {
    case starting, planning, computing, reducing, evaluating, saving, finishing

    package var description: String {
      switch self {
      case .starting: "starting"
      case .planning: "building plans"
      case .computing: "computing gradients"
      case .reducing: "reducing gradients"
      case .evaluating: "evaluating"
      case .saving: "saving a checkpoint"
      case .finishing: "finishing"
      }
    }
  }

  package var rank: Int32 = 0
  package var process: Int32 = 0
  package var phase: Phase = .starting
  /// The last step's gradient of this rank had an infinity or a NaN.
  package var hasNonFinite: Bool = false
  /// A signal asked this rank to stop; acts at the next step.
  package var wantsStop: Bool = false
  /// CLOCK_MONOTONIC when the phase began, in nanoseconds.
  package var since: UInt64 = 0
  /// Barriers this rank has come to.
  package var arrivals: UInt64 = 0
  /// Nanoseconds in the current step.
  package var computeNanoseconds: UInt64 = 0
  package var waitNanoseconds: UInt64 = 0
  private var padding: (Int, Int, Int, Int, Int, Int, Int, Int, Int, Int) = (
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0
  )
}
