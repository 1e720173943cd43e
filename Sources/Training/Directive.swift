package import Optimizers

/// What rank 0 tells every rank about one step. Written before the step's first barrier, read
/// between its barriers.
package struct Directive: BitwiseCopyable {
  /// Steps before this one, skipped ones included.
  package var step = 0
  package var scalars = StepScalars()
  /// Deviation of the noise on the gradient.
  package var noise: Float = 0
  /// Whether hosts that train apart meet behind this step's update; where every step is of all
  /// hosts, they always do.
  package var endsRound = false
  /// What follows then.
  package var evaluates = false
  package var saves = false
  package var stops = false
}

/// What rank 0 decided about an evaluation. Written after it, read behind the next barrier.
struct Verdict: BitwiseCopyable {
  var saves = false
  var stops = false
}

/// What rank 0 tells all, in the control block.
struct Board: BitwiseCopyable {
  var directive = Directive()
  /// The last step's once more, for all hosts: what follows it, decided when they have met.
  var conclusion = Directive()
  var verdict = Verdict()
  /// Of this job's last checkpoint, for hosts that train apart.
  var savedStep: Int?
}
