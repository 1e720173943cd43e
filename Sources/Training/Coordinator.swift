import Basics
import DataParallel
package import Optimizers

/// Decides on rank 0: the rate of each step, when to evaluate, save and stop, and why.
///
/// Pure decisions on plain values and a clock; it prints and writes nothing, and every rank could
/// run one. Only rank 0's decisions travel, in the step's directive.
package struct Coordinator {
  package enum Reason: String, Sendable {
    case epochs, steps, signal, diverged
    case earlyStopping = "early-stopping"
    case stopAfter = "stop-after"
    case timeLimit = "time-limit"
  }

  let configuration: RunConfiguration
  let schedule: Schedule
  let optimizer: any Optimizer
  let stepsPerEpoch: Int
  let totalSteps: Int
  private let evaluation: Cadence
  private let checkpoint: Cadence

  package private(set) var stopping: EarlyStopping?
  /// The rate so far, where the schedule is `reduce-on-plateau`.
  package private(set) var plateau: ReduceOnPlateau.State?
  /// Non-finite steps in a row, all skipped.
  package private(set) var skipped: Int
  /// Updates made: steps taken without the skipped ones. Bias corrections count these.
  package private(set) var updates: Int
  /// Steps skipped since hosts that train apart last met.
  package private(set) var roundSkips = 0
  package private(set) var spikes: LossSpikes
  /// Checkpoints with the best figures, best first.
  package private(set) var best: [CheckpointState.BestStep]
  /// Those that are on disk.
  private var bestSaved: [CheckpointState.BestStep]
  package private(set) var reason: Reason?
  package var time = TimeBudget()

  /// Unsaved progress is never older than this.
  private static let longestUnsavedSeconds = 600.0

  package init(
    configuration: RunConfiguration, schedule: Schedule, optimizer: any Optimizer,
    stepsPerEpoch: Int, totalSteps: Int, hasValidation: Bool, resuming state: CheckpointState?
  ) throws {
    self.configuration = configuration
    self.schedule = schedule
    self.optimizer = optimizer
    self.stepsPerEpoch = stepsPerEpoch
    self.totalSteps = totalSteps
    // Not by the clock, which no two runs share.
    evaluation = .steps(
      try Cadence.steps(
        configuration.evalEvery, option: "eval-every", stepsPerEpoch: stepsPerEpoch))
    checkpoint = try Cadence(
      configuration.checkpointEvery, option: "checkpoint-every", stepsPerEpoch: stepsPerEpoch)
    if configuration.earlyStopping && !hasValidation {
      throw Failure.usage(
        "early-stopping: there is no validation data", remedy: "Set --val-fraction or --val-data.")
    }
    stopping =
      try state?.stopping
      ?? configuration.makeEarlyStopping(stepsPerEpoch: stepsPerEpoch, totalSteps: totalSteps)
    if schedule.plateau != nil {
      guard hasValidation else {
        throw Failure.usage(
          "schedule \(ReduceOnPlateau.name): there is no validation data",
          remedy: "Set --val-fraction or --val-data.")
      }
      guard state == nil || state?.plateau != nil else {
        throw Failure.badData("the checkpoint does not say what \(ReduceOnPlateau.name) has seen")
      }
      plateau = state?.plateau ?? ReduceOnPlateau.State(rate: schedule.baseRate)
    }
    skipped = state?.skipped ?? 0
    updates = state?.updates ?? 0
    spikes = state?.spikes ?? LossSpikes()
    best = state?.best ?? []
    bestSaved = best
    if stopping?.hasStopped == true { reason = .earlyStopping }
  }

  /// Whether nothing is left to train: the whole run is done, early stopping said so before, or
  /// `--stop-after` lies behind. Every rank knows, from the checkpoint alone.
  package func isOver(at step: Int) -> Bool {
    step >= totalSteps || stopping?.hasStopped == true
      || configuration.stopAfter.map { step >= $0 } ?? false
  }

  /// The rate of step `step` (0 for the first), plateaus seen so far included.
  package func rate(at step: Int) -> Double {
    let rate = schedule.rate(at: step)
    return plateau.map { rate * ($0.rate / schedule.baseRate) } ?? rate
  }

  /// Whether all hosts meet when `step` steps are done.
  private func endsRound(_ step: Int) -> Bool {
    step % configuration.localSteps == 0 || step >= totalSteps
  }

  /// What step `step` (0 for the first) does and what follows it.
  package func directive(step: Int) -> Directive {
    let done = step + 1
    var directive = Directive()
    directive.step = step
    directive.scalars = optimizer.scalars(
      step: updates, learningRate: rate(at: step), momentum: schedule.momentum(at: step))
    directive.noise =
      configuration.gradientNoise.map { GradientNoise.deviation($0, step: step) } ?? 0
    directive.endsRound = endsRound(done)
    // Within a round no two hosts have the same parameters.
    guard directive.endsRound else { return directive }
    let previous = (done - 1) / configuration.localSteps * configuration.localSteps
    let isLast =
      done >= totalSteps || reason == .signal || reason == .timeLimit
      || configuration.stopAfter.map { previous < $0 && $0 <= done } ?? false
    directive.stops = isLast || reason != nil
    directive.evaluates =
      done >= totalSteps
      || evaluation.isDue(afterStep: done, since: previous, secondsSinceLast: 0)
    let unsaved = time.unsavedSeconds
    directive.saves =
      reason != .diverged
      && (isLast || checkpoint.isDue(afterStep: done, since: previous, secondsSinceLast: unsaved)
        || unsaved > Coordinator.longestUnsavedSeconds)
    return directive
  }

  /// Looks at a finished step's votes; what it decides acts on the next step.
  package mutating func observe(step: Int, hasNonFinite: Bool, normIsFinite: Bool, wantsStop: Bool)
  {
    if hasNonFinite {
      skipped += 1
      roundSkips += 1
    } else {
      updates += 1
      // Sums that overflow, of terms that do not, are the end at once. Within a round of local steps
      // more may follow: the count says at its end that there was one.
      if !normIsFinite {
        skipped = configuration.maxSkipped
      } else if reason != .diverged {
        skipped = 0
      }
    }
    if skipped >= configuration.maxSkipped {
      reason = .diverged
    } else if wantsStop && reason == nil {
      reason = .signal
    } else if configuration.localSteps == 1, time.isUpAfterRound(canAbort: false), reason == nil {
      reason = .timeLimit
    }
  }

  /// Takes over what hosts that trained apart say at the end of a round: the largest of their
  /// counts, and whether what they have become together is finite. It acts on what follows this
  /// very step.
  package mutating func join(skipped: Int, updates: Int, hasNonFinite: Bool, wantsStop: Bool) {
    self.skipped = skipped
    self.updates = updates
    roundSkips = 0
    if skipped >= configuration.maxSkipped || hasNonFinite {
      reason = .diverged
    } else if wantsStop && reason == nil {
      reason = .signal
    } else if time.isUpAfterRound(canAbort: true) && reason == nil {
      reason = .timeLimit
    }
  }

  /// Looks at the loss of the last of `step` steps.
  package mutating func observe(loss: Float, step: Int) -> LossSpikes.Spike? {
    spikes.observe(loss, step: step)
  }

  /// Gives a round up that the job's end leaves no time for: within one there is no state that all
  /// hosts share, and so nothing to save. Each host's first rank looks, after each step: the others
  /// may be waiting for it.
  /// - Parameters:
  ///   - step: steps taken.
  ///   - savedStep: of the last checkpoint of this job.
  /// - Throws: `Failure`: 75, or 64 where this job has saved nothing, as the next one would not.
  package func checkTime(step: Int, savedStep: Int?) throws {
    guard !endsRound(step), time.isTooLate(in: TimeBudget.abortSeconds) else { return }
    let what =
      "step \(step): the job's time ends within a round of \(configuration.localSteps) local steps"
    guard let savedStep else {
      throw Failure.usage(
        "\(what), before its first checkpoint",
        remedy: "Lower --local-steps, or give the job more time.")
    }
    throw Failure(
      .stoppedEarly, "\(what); what came after step \(savedStep) is lost",
      remedy: "Continue with --resume latest.")
  }

  /// Looks at an evaluation: whether this state is to be saved and whether training stops.
  package mutating func observe(_ evaluation: Evaluation, step: Int) -> (saves: Bool, stops: Bool) {
    let value = evaluation.value(of: configuration.monitor)
    var saves = false
    if value.isFinite && followsAnUpdate {
      best.append(.init(step: step, value: value))
      rankBest()
      saves = best.contains { $0.step == step }
    }
    if let settings = schedule.plateau {
      let isHigherBetter = configuration.monitor.isBetterWhenHigher
      plateau?.observe(value, isBetterWhenHigher: isHigherBetter, settings: settings)
    }
    let verdict = stopping?.observe(value, step: step)
    // A loss that is not finite is a good end only where there is a better state to go back to.
    let endsWell =
      evaluation.loss.isFinite || stopping != nil && configuration.restoreBest && !best.isEmpty
    if reason == nil {
      if verdict == .stop {
        reason = endsWell ? .earlyStopping : .diverged
      } else if step >= totalSteps && !endsWell {
        reason = .diverged
      }
    }
    return (saves, verdict == .stop)
  }

  /// Looks at the weights that are to be the result.
  package mutating func observeResult(isFinite: Bool) {
    if !isFinite { reason = .diverged }
  }

  /// Not where the last gradient was not finite: such a state is not worth keeping, and no candidate
  /// for the best. What hosts that trained apart have joined is new, whatever some of them skipped.
  private var followsAnUpdate: Bool { skipped == 0 || configuration.localSteps > 1 }

  /// Whether the state is worth keeping: not one that diverged, nor one whose gradients are not
  /// finite unless the run ends here and may be continued.
  package func isWorthSaving(after directive: Directive) -> Bool {
    reason != .diverged && (followsAnUpdate || directive.stops)
  }

  /// The state is being saved: the clock of unsaved progress begins anew, whatever comes of it, so
  /// that a full disk is not tried at every step.
  package mutating func willSave() { time.willSave() }

  /// A checkpoint that could not be written is no candidate for the best; those it had displaced
  /// are again.
  package mutating func didSave(_ isWritten: Bool, step: Int) {
    if isWritten {
      bestSaved = best.filter { $0.step <= step }
    } else {
      best.removeAll { $0.step == step }
      best += bestSaved.filter { !best.contains($0) }
      rankBest()
    }
  }

  private mutating func rankBest() {
    let isHigherBetter = configuration.monitor.isBetterWhenHigher
    // Stable: the earlier of two equals stays first.
    best.sort {
      $0.value == $1.value
        ? $0.step < $1.step : isHigherBetter ? $0.value > $1.value : $0.value < $1.value
    }
    best = Array(best.prefix(configuration.keepBest))
  }

  /// Why the loop ended, and the exit code that goes with it.
  package func ending(step: Int) -> (reason: Reason, code: Int32) {
    if let reason, ![.signal, .timeLimit].contains(reason) || step < totalSteps {
      switch reason {
      case .signal, .timeLimit: return (reason, Failure.Kind.stoppedEarly.rawValue)
      case .diverged: return (reason, Failure.Kind.diverged.rawValue)
      default: return (reason, 0)
      }
    }
    if step < totalSteps { return (.stopAfter, Failure.Kind.stoppedEarly.rawValue) }
    if updates == 0 { return (.diverged, Failure.Kind.diverged.rawValue) }
    return (configuration.steps != nil ? .steps : .epochs, 0)
  }
}
