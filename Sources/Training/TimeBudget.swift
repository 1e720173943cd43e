import CKernels

/// How much time the job has left to train in, and what of the training no checkpoint has yet.
///
/// A job that is killed while it writes its last checkpoint loses what came after the one before:
/// training stops as long before the job's end as a save may take.
package struct TimeBudget {
  /// When the job must be over, on the clock; nil where nobody knows.
  private let jobEnd: Double?
  /// What a save costs until it is verified: an estimate until one was measured.
  package var saveSeconds: Double
  /// Seconds since some moment.
  private let now: () -> Double
  /// Between two steps after which the run may end, evaluations and saves included.
  private var longestRoundSeconds = 0.0
  private var secondsAtRound: Double
  private var secondsAtSave: Double

  /// For the process to end, and for what no measurement knows.
  private static let reserveSeconds = 2.0
  /// What mpirun takes to end a job that one rank of several hosts leaves.
  package static let abortSeconds = 4.0

  /// - Parameter clock: in seconds; `jobEnd` is on it.
  package init(
    jobEnd: Double? = nil, saveSeconds: Double = 1,
    clock: @escaping () -> Double = { Double(ck_monotonic_ns()) / 1e9 }
  ) {
    self.jobEnd = jobEnd
    self.saveSeconds = saveSeconds
    now = clock
    secondsAtRound = clock()
    secondsAtSave = secondsAtRound
  }

  /// How long ago the last save began; the run, where there was none.
  package var unsavedSeconds: Double { now() - secondsAtSave }

  /// A save begins.
  package mutating func willSave() { secondsAtSave = now() }

  /// A round has ended: whether one more and a save might come too late.
  /// - Parameter canAbort: whether a round that takes longer than those before would be given up.
  ///   It is then not begun where it could come to that.
  package mutating func isUpAfterRound(canAbort: Bool) -> Bool {
    longestRoundSeconds = max(longestRoundSeconds, now() - secondsAtRound)
    secondsAtRound = now()
    let margin = canAbort ? TimeBudget.abortSeconds + TimeBudget.reserveSeconds : 0
    return isTooLate(in: 2 * longestRoundSeconds + margin)
  }

  /// Whether a save that begins in so many seconds might end too late.
  package func isTooLate(in seconds: Double) -> Bool {
    guard let jobEnd else { return false }
    return now() + seconds + 1.5 * saveSeconds + TimeBudget.reserveSeconds > jobEnd
  }
}
