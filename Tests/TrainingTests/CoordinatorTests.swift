import Basics
import Optimizers
import TestSupport
import Testing
import Training

@Suite struct CoordinatorTests {
  /// 30 steps in epochs of 10.
  private func coordinator(
    hasValidation: Bool = true, schedule: String = "linear",
    resuming state: CheckpointState? = nil,
    _ change: (inout RunConfiguration) -> Void = { _ in }
  ) throws -> Coordinator {
    var configuration = RunConfiguration()
    change(&configuration)
    return try Coordinator(
      configuration: configuration,
      schedule: Schedule(
        parsing: schedule, baseRate: 0.1, warmup: nil, stepsPerEpoch: 10, totalSteps: 30),
      optimizer: OptimizerRegistry.make("adam", HyperParameters()), stepsPerEpoch: 10,
      totalSteps: 30, hasValidation: hasValidation, resuming: state)
  }

  /// A clock that stands until it is set.
  private final class Clock {
    var seconds = 0.0
  }

  private func steps(_ coordinator: Coordinator, _ what: (Directive) -> Bool) -> [Int] {
    (0..<30).filter { what(coordinator.directive(step: $0)) }.map { $0 + 1 }
  }

  @Test func everyEpochByDefault() throws {
    var coordinator = try coordinator()
    #expect(steps(coordinator, \.evaluates) == [10, 20, 30])
    #expect(steps(coordinator, \.saves) == [10, 20, 30])
    #expect(steps(coordinator, \.stops) == [30])
    #expect(coordinator.ending(step: 30) == (.diverged, 76), "not one step was an update")
    coordinator.observe(step: 30, hasNonFinite: false, normIsFinite: true, wantsStop: false)
    #expect(coordinator.ending(step: 30) == (.epochs, 0))
  }

  @Test func cadencesAndSteps() throws {
    var coordinator = try coordinator {
      $0.evalEvery = "7st"
      $0.checkpointEvery = "12st"
      $0.steps = 30
    }
    #expect(steps(coordinator, \.evaluates) == [7, 14, 21, 28, 30])
    #expect(steps(coordinator, \.saves) == [12, 24, 30])
    coordinator.observe(step: 30, hasNonFinite: false, normIsFinite: true, wantsStop: false)
    #expect(coordinator.ending(step: 30) == (.steps, 0))
  }

  /// A figure that is not finite is no end to be content with, unless there is a better state.
  @Test(arguments: [false, true], [false, true])
  func aBadFigureDiverges(_ stopsEarly: Bool, hasBest: Bool) throws {
    var coordinator = try coordinator { $0.earlyStopping = stopsEarly }
    coordinator.observe(step: 10, hasNonFinite: false, normIsFinite: true, wantsStop: false)
    if hasBest { _ = coordinator.observe(Evaluation(split: .val, count: 9, loss: 2), step: 10) }
    let nan = Evaluation(split: .val, count: 9, loss: .nan)
    #expect(coordinator.observe(nan, step: 20) == (false, stopsEarly))
    #expect(coordinator.reason == (stopsEarly ? (hasBest ? .earlyStopping : .diverged) : nil))
    if !stopsEarly { _ = coordinator.observe(nan, step: 30) }
    let isRestored = stopsEarly && hasBest
    #expect(
      coordinator.ending(step: 30) == (isRestored ? (.earlyStopping, 0) : (.diverged, 76)))
    var last = try self.coordinator()
    last.observe(step: 30, hasNonFinite: false, normIsFinite: true, wantsStop: false)
    last.observeResult(isFinite: true)
    #expect(last.ending(step: 30).code == 0)
    last.observeResult(isFinite: false)
    #expect(last.ending(step: 30) == (.diverged, 76))
  }

  /// The rate counts steps; bias corrections count updates, of which a skipped step is none.
  @Test func rateIsTheSchedules() throws {
    var coordinator = try coordinator()
    var updates = 0
    let adam = try OptimizerRegistry.make("adam", HyperParameters())
    for step in 0..<30 {
      let directive = coordinator.directive(step: step)
      #expect(directive.step == step)
      #expect(
        directive.scalars
          == adam.scalars(step: updates, learningRate: 0.1 * (1 - Double(step) / 30)))
      let isSkipped = step % 5 == 3
      coordinator.observe(
        step: step + 1, hasNonFinite: isSkipped, normIsFinite: true, wantsStop: false)
      if !isSkipped { updates += 1 }
    }
    #expect(coordinator.updates == 24)
  }

  @Test func stopAfterSavesAndAsksToBeRunAgain() throws {
    let coordinator = try coordinator { $0.stopAfter = 7 }
    #expect(steps(coordinator, \.stops).first == 7)
    #expect(steps(coordinator, \.saves).first == 7)
    #expect(coordinator.ending(step: 7) == (.stopAfter, 75))
  }

  @Test func signalActsOneStepLater() throws {
    var coordinator = try coordinator()
    #expect(!coordinator.directive(step: 4).stops)
    coordinator.observe(step: 4, hasNonFinite: false, normIsFinite: true, wantsStop: true)
    let next = coordinator.directive(step: 5)
    #expect(next.stops && next.saves && !next.evaluates)
    #expect(coordinator.ending(step: 6) == (.signal, 75))
  }

  /// Steps of 3 s and a save of 10 s, which may take 15, and 2 s for the end: a step that ends after
  /// 100 − 2·3 − 15 − 2 is the last but one.
  @Test func stopsBeforeTheJobsEnd() throws {
    let clock = Clock()
    var coordinator = try coordinator()
    coordinator.time = TimeBudget(jobEnd: 100, saveSeconds: 10) { clock.seconds }
    func observe(_ step: Int, at seconds: Double) {
      clock.seconds = seconds
      coordinator.observe(step: step, hasNonFinite: false, normIsFinite: true, wantsStop: false)
    }
    for step in 1...25 { observe(step, at: 3 * Double(step)) }
    observe(26, at: 77)
    #expect(coordinator.reason == nil && !coordinator.directive(step: 26).stops)
    observe(27, at: 77.5)
    let next = coordinator.directive(step: 27)
    #expect(next.stops && next.saves)
    #expect(coordinator.ending(step: 28) == (.timeLimit, 75))
    #expect(coordinator.ending(step: 30) == (.epochs, 0), "it was the last step")
  }

  /// A save that takes longer than the time that is left must begin earlier.
  @Test func knowsWhatASaveCosts() throws {
    var coordinator = try coordinator()
    coordinator.time = TimeBudget(jobEnd: 1000, saveSeconds: 665) { 0 }
    coordinator.observe(step: 4, hasNonFinite: false, normIsFinite: true, wantsStop: false)
    #expect(coordinator.reason == nil)
    coordinator.time.saveSeconds = 666
    coordinator.observe(step: 5, hasNonFinite: false, normIsFinite: true, wantsStop: false)
    #expect(coordinator.reason == .timeLimit)
  }

  /// Minutes count from the last save, and ten are the most.
  @Test(arguments: [("2min", 120.0), ("30st", 600)])
  func savesByTheClock(_ cadence: String, after seconds: Double) throws {
    let clock = Clock()
    var coordinator = try coordinator { $0.checkpointEvery = cadence }
    coordinator.time = TimeBudget { clock.seconds }
    for start in [0.0, 1000] {
      clock.seconds = start
      coordinator.willSave()
      clock.seconds = start + seconds - 0.5
      #expect(!coordinator.directive(step: 3).saves)
      clock.seconds = start + seconds + 0.5
      #expect(coordinator.directive(step: 3).saves)
    }
  }

  /// Hosts that train apart meet after every fourth step and after the last: nothing but that is a
  /// moment to evaluate, save or stop.
  @Test func whatFollowsWaitsForTheEndOfARound() throws {
    let coordinator = try coordinator {
      $0.localSteps = 4
      $0.evalEvery = "7st"
      $0.stopAfter = 17
    }
    #expect(steps(coordinator, \.endsRound) == [4, 8, 12, 16, 20, 24, 28, 30])
    #expect(steps(coordinator, \.evaluates) == [8, 16, 24, 28, 30])
    #expect(steps(coordinator, \.saves) == [12, 20, 30])
    #expect(steps(coordinator, \.stops) == [20, 30])
    #expect(try steps(self.coordinator(), \.endsRound) == Array(1...30))
  }

  /// What the hosts have to say acts where they meet.
  @Test func hostsJoin() throws {
    var coordinator = try coordinator {
      $0.localSteps = 4
      $0.maxSkipped = 3
    }
    coordinator.observe(step: 4, hasNonFinite: false, normIsFinite: true, wantsStop: false)
    coordinator.join(skipped: 2, updates: 4, hasNonFinite: false, wantsStop: false)
    #expect(coordinator.updates == 4 && coordinator.skipped == 2 && coordinator.reason == nil)
    #expect(!coordinator.directive(step: 3).stops)
    let (before, directive) = (coordinator, coordinator.directive(step: 3))
    #expect(coordinator.isWorthSaving(after: directive), "what they have joined is finite")
    let figure = Evaluation(split: .val, count: 9, loss: 2)
    #expect(coordinator.observe(figure, step: 4).saves)
    coordinator.join(skipped: 3, updates: 4, hasNonFinite: false, wantsStop: false)
    #expect(coordinator.ending(step: 4) == (.diverged, 76))
    coordinator = before
    coordinator.join(skipped: 0, updates: 4, hasNonFinite: true, wantsStop: false)
    #expect(coordinator.ending(step: 4) == (.diverged, 76))
    coordinator = before
    coordinator.join(skipped: 0, updates: 4, hasNonFinite: false, wantsStop: true)
    let last = coordinator.directive(step: 3)
    #expect(last.stops && last.saves)
    #expect(coordinator.ending(step: 4) == (.signal, 75))
  }

  /// A good step ends a row of skipped ones; they are told where the hosts meet.
  @Test func countsARoundsSkips() throws {
    var coordinator = try coordinator { $0.localSteps = 4 }
    for step in 1...4 {
      coordinator.observe(step: step, hasNonFinite: step != 3, normIsFinite: true, wantsStop: false)
    }
    #expect(coordinator.skipped == 1 && coordinator.roundSkips == 3)
    coordinator.join(skipped: 1, updates: 1, hasNonFinite: false, wantsStop: false)
    #expect(coordinator.roundSkips == 0)
  }

  /// Time is judged where the hosts have met: what it took the slowest is known there.
  @Test func roundsEndBeforeTheJobDoes() throws {
    var coordinator = try coordinator { $0.localSteps = 4 }
    coordinator.time = TimeBudget(jobEnd: 0) { 1 }
    for step in 1...4 {
      coordinator.observe(step: step, hasNonFinite: false, normIsFinite: true, wantsStop: false)
    }
    #expect(coordinator.reason == nil)
    coordinator.join(skipped: 0, updates: 4, hasNonFinite: false, wantsStop: false)
    let last = coordinator.directive(step: 3)
    #expect(last.stops && last.saves)
    #expect(coordinator.ending(step: 4) == (.timeLimit, 75))
  }

  /// A round that is too long for the job is given up, and not taken for progress where it was the
  /// first.
  @Test func roundsAreNotLongerThanTheJob() throws {
    var coordinator = try coordinator { $0.localSteps = 4 }
    func kind(step: Int, savedStep: Int?) -> Failure.Kind? {
      failure { try coordinator.checkTime(step: step, savedStep: savedStep) }?.kind
    }
    #expect(kind(step: 5, savedStep: nil) == nil, "nobody knows the job's end")
    // A save takes 9 s, the end 2, mpirun 4.
    let clock = Clock()
    coordinator.time = TimeBudget(jobEnd: 100, saveSeconds: 6) { clock.seconds }
    clock.seconds = 85
    #expect(kind(step: 5, savedStep: 4) == nil)
    clock.seconds = 85.5
    #expect(kind(step: 5, savedStep: 4) == .stoppedEarly)
    #expect(kind(step: 5, savedStep: nil) == .usage)
    #expect(kind(step: 8, savedStep: nil) == nil && kind(step: 30, savedStep: nil) == nil)
    // A round is not begun that could come close to that: of twice the first's length and 2 s more.
    for (seconds, reason) in [(27, nil), (28, .timeLimit)] as [(Double, Coordinator.Reason?)] {
      clock.seconds = 0
      coordinator.time = TimeBudget(jobEnd: 100, saveSeconds: 6) { clock.seconds }
      clock.seconds = seconds
      coordinator.join(skipped: 0, updates: 4, hasNonFinite: false, wantsStop: false)
      #expect(coordinator.reason == reason, "a round of \(seconds) s")
    }
    var plain = try self.coordinator()
    plain.time = TimeBudget(jobEnd: 0) { 1 }
    #expect(failure { try plain.checkTime(step: 5, savedStep: nil) } == nil)
  }

  /// A host that cannot go on says so by a count, which is all that others hear of it.
  @Test func anOverflowIsAllTheSkipsThereMayBe() throws {
    var coordinator = try coordinator { $0.maxSkipped = 7 }
    coordinator.observe(step: 1, hasNonFinite: false, normIsFinite: false, wantsStop: false)
    coordinator.observe(step: 2, hasNonFinite: false, normIsFinite: true, wantsStop: false)
    #expect(coordinator.skipped == 7, "its other steps of the round do not hide it")
  }

  @Test func divergesAfterTooManyBadSteps() throws {
    var coordinator = try coordinator { $0.maxSkipped = 3 }
    for step in 0..<8 {
      coordinator.observe(
        step: step, hasNonFinite: step % 3 != 2, normIsFinite: step % 3 == 2, wantsStop: false)
      #expect(coordinator.reason == nil, "two bad steps and a good one")
    }
    coordinator.observe(step: 8, hasNonFinite: true, normIsFinite: false, wantsStop: false)
    let next = coordinator.directive(step: 9)
    #expect(next.stops && !next.saves, "weights of a diverged run are not worth a checkpoint")
    #expect(coordinator.ending(step: 9) == (.diverged, 76))
  }

  @Test func overflowInTheSumDivergesAtOnce() throws {
    var coordinator = try coordinator()
    coordinator.observe(step: 0, hasNonFinite: false, normIsFinite: false, wantsStop: false)
    #expect(coordinator.ending(step: 1) == (.diverged, 76))
  }

  @Test(arguments: [false, true]) func keepsTheBest(_ isHigher: Bool) throws {
    var coordinator = try coordinator {
      $0.keepBest = 2
      $0.monitor = isHigher ? .valAccuracy : .valLoss
    }
    let values = [0.5, 0.7, 0.5, 0.4, .nan, 0.5, 0.1]
    let saves = values.enumerated().map { step, value in
      let figure = isHigher ? 1 - value : value
      let evaluation = Evaluation(
        split: .val, count: 1, loss: isHigher ? 9 : figure, accuracy: isHigher ? figure : nil)
      let (saves, stops) = coordinator.observe(evaluation, step: step)
      #expect(!stops)
      return saves
    }
    #expect(saves == [true, true, true, true, false, false, true])
    #expect(coordinator.best.map(\.step) == [6, 3])
  }

  @Test func whatCouldNotBeSavedIsNoBest() throws {
    var coordinator = try coordinator()
    func observe(_ loss: Double, at step: Int, isWritten: Bool) {
      _ = coordinator.observe(Evaluation(split: .val, count: 1, loss: loss), step: step)
      coordinator.didSave(isWritten, step: step)
    }
    observe(0.5, at: 10, isWritten: true)
    observe(0.4, at: 20, isWritten: false)
    #expect(coordinator.best.map(\.step) == [10], "what it had displaced is the best again")
    observe(0.45, at: 30, isWritten: true)
    #expect(coordinator.best.map(\.step) == [30])
  }

  /// What is not saved displaces nothing.
  @Test func aStateBehindASkippedStepIsNoBest() throws {
    var coordinator = try coordinator()
    #expect(coordinator.observe(Evaluation(split: .val, count: 1, loss: 1), step: 10).saves)
    coordinator.observe(step: 20, hasNonFinite: true, normIsFinite: true, wantsStop: false)
    #expect(!coordinator.observe(Evaluation(split: .val, count: 1, loss: 0.5), step: 20).saves)
    #expect(coordinator.best.map(\.step) == [10])
    coordinator.observe(step: 30, hasNonFinite: false, normIsFinite: true, wantsStop: false)
    #expect(coordinator.observe(Evaluation(split: .val, count: 1, loss: 0.7), step: 30).saves)
    #expect(coordinator.best.map(\.step) == [30])
  }

  @Test func equalFiguresKeepTheEarlier() throws {
    var coordinator = try coordinator()
    #expect(coordinator.observe(Evaluation(split: .val, count: 1, loss: 1), step: 10).saves)
    #expect(!coordinator.observe(Evaluation(split: .val, count: 1, loss: 1), step: 20).saves)
    #expect(coordinator.best.map(\.step) == [10])
  }

  @Test func stopsEarly() throws {
    var coordinator = try coordinator {
      $0.earlyStopping = true
      $0.patience = 2
    }
    let stops = [1.0, 2, 2].enumerated().map { step, loss in
      coordinator.observe(Evaluation(split: .val, count: 1, loss: loss), step: step).stops
    }
    #expect(stops == [false, false, true])
    #expect(coordinator.directive(step: 3).stops)
    #expect(coordinator.ending(step: 3) == (.earlyStopping, 0))
  }

  @Test func refusals() {
    let noData = failure { _ = try coordinator(hasValidation: false) { $0.earlyStopping = true } }
    #expect(noData?.kind == .usage && noData?.message.hasPrefix("early-stopping") == true)
    for (text, option) in [("10min", "eval-every"), ("x", "eval-every"), ("x", "checkpoint-every")]
    {
      let failure = failure {
        _ = try coordinator {
          if option == "eval-every" { $0.evalEvery = text } else { $0.checkpointEvery = text }
        }
      }
      #expect(failure?.kind == .usage && failure?.message.hasPrefix(option) == true)
    }
  }

  /// The rate falls where the validation loss stays, and the state says all there is to know.
  @Test func plateauReducesTheRate() throws {
    let text = "reduce-on-plateau:factor=0.5,patience=1"
    var coordinator = try coordinator(schedule: text)
    var rates: [Double] = []
    for (step, loss) in [3.0, 2, 2, 2, 2, 1].enumerated() {
      rates.append(coordinator.rate(at: step))
      #expect(Float(coordinator.directive(step: step).scalars.learningRate) == Float(rates[step]))
      _ = coordinator.observe(Evaluation(split: .val, count: 1, loss: loss), step: step + 1)
    }
    #expect(rates == [0.1, 0.1, 0.1, 0.1, 0.05, 0.05])
    #expect(coordinator.plateau?.rate == 0.05)
    let failure = failure { _ = try self.coordinator(hasValidation: false, schedule: text) }
    #expect(failure?.kind == .usage && failure?.message.contains("no validation data") == true)
  }

  /// Beginning anew in silence would be another rate than that of a run never stopped.
  @Test func plateauIsPartOfTheState() throws {
    let state = try SampleRun().state(5)
    let text = "reduce-on-plateau"
    #expect(
      failure { _ = try coordinator(schedule: text, resuming: state) }?.kind == .badData)
    #expect(failure { _ = try coordinator(schedule: "cosine", resuming: state) } == nil)
  }

  /// One-cycle's momentum reaches the optimizer in the directive; β₁ enters its correction, too.
  @Test func momentumIsTheSchedules() throws {
    let coordinator = try coordinator(schedule: "one-cycle")
    let scalars = (0..<30).map { coordinator.directive(step: $0).scalars }
    #expect(
      scalars[0].momentum == 0.95 && scalars[8].momentum.map { abs($0 - 0.85) < 1e-12 } ?? false)
    #expect(abs(scalars[0].momentFactor - 20) < 1e-12)
    #expect(try self.coordinator().directive(step: 3).scalars.momentum == nil)
  }
}
