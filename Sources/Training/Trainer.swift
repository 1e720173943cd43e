import Basics
import CKernels
import DataParallel
import MPI
import Optimizers

/// The training loop: the file to read first.
///
/// Every rank runs the same loop over memory shared by its node. A step has five parts:
///
/// 1. Rank 0 writes the directive: rates, and what follows the step.
/// 2. Each rank computes the gradient sums of its leaves into its slots.
/// 3. All meet. The node's gradients, and everyone's sums and votes, are there.
/// 4. Each rank adds the gradients of its own slices in canonical order, those of other nodes
///    too, and updates its parameters.
/// 5. All meet. All parameters are there.
///
/// Rank 0 alone decides; no other rank ends the loop, throws out of it or skips a collective on
/// its own. What a rank wants it says in its status, and rank 0 acts on it in the next step.
///
/// With `--local-steps` all this is one host's: "all" are its ranks, and its first rank decides on
/// rates. A round of such steps ends with an `OuterStep`, and there rank 0 decides for all.
package final class Trainer {
  private let group: RankGroup
  private let memory: RunMemory
  private let meetings: StepMeetings
  private let arena: NodeArena
  let worker: LeafWorker
  private let updater: SliceUpdater
  private let replicas: ReplicaCheck
  /// What ends a round, where hosts train apart.
  private let outer: OuterStep?
  private let evaluator: Evaluator
  private let rows: (validation: EvaluationRows, test: EvaluationRows)
  private let board: UnsafeMutablePointer<Board>
  private var coordinator: Coordinator
  /// nil on other ranks than the first, and where nothing is to be written.
  private let recorder: Recorder?
  /// Where the state is copied for a save; nil where it is all on this node and training waits
  /// for the disk.
  private let staging: CheckpointStaging?
  private let waitsForDisk: Bool
  /// Finds out who keeps the others waiting; rank 0 only.
  private var stragglers: StragglerWatch?
  private let restoresBest: Bool
  private var step: Int
  /// Of this job's last checkpoint, one that is being written included, and of the one before.
  private var savedStep: Int?
  private var savedBefore: Int?

  init(
    group: RankGroup, memory: RunMemory, meetings: StepMeetings, worker: LeafWorker,
    updater: SliceUpdater, replicas: ReplicaCheck, outer: OuterStep?, evaluator: Evaluator,
    rows: (validation: EvaluationRows, test: EvaluationRows),
    coordinator: Coordinator, stragglers: StragglerWatch?, recorder: Recorder?,
    staging: CheckpointStaging?, firstStep: Int
  ) {
    self.group = group
    self.memory = memory
    self.meetings = meetings
    arena = memory.arena
    self.worker = worker
    self.updater = updater
    self.replicas = replicas
    self.outer = outer
    self.evaluator = evaluator
    self.rows = rows
    self.coordinator = coordinator
    self.stragglers = stragglers
    self.recorder = recorder
    self.staging = staging
    board = arena.directive(as: Board.self)
    waitsForDisk = coordinator.configuration.checkpointMode == .sync
    restoresBest = coordinator.configuration.restoreBest && coordinator.stopping != nil
    step = firstStep
  }

  /// Trains to the end. Collective: every rank.
  /// - Returns: the exit code: 0, 75 (stopped early with a checkpoint) or 76 (diverged).
  package func run() throws -> Int32 {
    var isOver = coordinator.isOver(at: step)
    while !isOver {
      let directive = try trainStep()
      var verdict = Verdict()
      if directive.evaluates && rows.validation.count > 0 { verdict = try evaluate() }
      if directive.saves || verdict.saves { try save(directive) }
      isOver = directive.stops || verdict.stops
      didSave(recorder?.checkpointer.collect())
    }
    return try finish()
  }

  /// One optimizer step.
  func trainStep() throws -> Directive {
    let start = ck_monotonic_ns()
    if meetings.team.leads { board.pointee.directive = coordinator.directive(step: step) }
    arena.own.endStep()
    let batch = try worker.computeGradients(step: step)

    try replicas.check(step: step)
    try meetings.gatherVotes()
    let directive = board.pointee.directive
    let votes = arena.votes(of: meetings.team.positions)
    if outer == nil { lookForStraggler() }
    let loss = meanLoss()
    if votes.hasNonFinite {
      try updater.skip(directive)
    } else {
      try updater.update(directive, batch: batch)
    }

    try meetings.gatherParameters()
    step += 1
    group.watchdog.didStep(seconds: Double(ck_monotonic_ns() - start) / 1e9)
    if meetings.team.leads {
      observe(directive, votes, loss: loss)
      try coordinator.checkTime(step: step, savedStep: savedStep)
    }
    if let outer, directive.endsRound { return try endRound(outer) }
    return directive
  }

  /// nil where the step had no sample: the rest of an epoch may leave none for a host that trains
  /// alone.
  private func meanLoss() -> Float? {
    let weight = updater.leafSum { $0.weight }
    return weight == 0 ? nil : Float(updater.leafSum { $0.loss } / weight)
  }

  /// What a rank that decides makes of a step, and rank 0 tells of it.
  private func observe(_ directive: Directive, _ votes: NodeArena.Votes, loss: Float?) {
    let norm = updater.gradientNorm()
    coordinator.observe(
      step: step, hasNonFinite: votes.hasNonFinite,
      normIsFinite: norm.isFinite, wantsStop: votes.wantsStop)
    guard let recorder else { return }
    recorder.journal.didStep(
      StepReport(
        step: step, epoch: directive.step / coordinator.stepsPerEpoch, loss: loss,
        spike: loss.flatMap { coordinator.observe(loss: $0, step: step) },
        penalty: updater.penaltyValue(),
        learningRate: coordinator.rate(at: directive.step),
        gradientNorm: norm, isSkipped: votes.hasNonFinite,
        computeNanoseconds: votes.computeNanoseconds,
        slowestRank: group.topology.ranks[votes.slowest],
        waitNanoseconds: arena.own.pointee.waitNanoseconds))
  }

  /// Behind a meeting of all ranks, and before the next: until then no rank adds to its times.
  private func lookForStraggler() {
    guard
      let straggler = stragglers?.observe(
        step: step, now: ck_monotonic_ns(), arena.statuses)
    else { return }
    recorder?.journal.didNotice(
      straggler, rank: group.topology.ranks[straggler.position],
      host: group.hosts[group.topology.node(of: straggler.position)], step: step)
  }

  /// Hosts that trained apart become one again, and rank 0 says what follows. Collective.
  private func endRound(_ outer: OuterStep) throws -> Directive {
    arena.own.pointee.hasNonFinite = try !outer.join()
    if meetings.team.leads {
      arena.own.pointee.skipped = coordinator.skipped
      arena.own.pointee.updates = coordinator.updates
      arena.own.pointee.roundSkips = coordinator.roundSkips
    }
    arena.own.endStep()
    try memory.gatherStatuses()
    lookForStraggler()
    tellSkips()
    if meetings.team.leads {
      let votes = arena.votes(of: 0..<group.size)
      coordinator.join(
        skipped: votes.skipped, updates: votes.updates, hasNonFinite: votes.hasNonFinite,
        wantsStop: votes.wantsStop)
    }
    if group.isFirst {
      board.pointee.conclusion = coordinator.directive(step: step - 1)
      board.pointee.savedStep = savedStep
    }
    try memory.publishDirective()
    savedStep = board.pointee.savedStep
    return board.pointee.conclusion
  }

  /// What other hosts have skipped of a round; rank 0 has told its own as they came.
  private func tellSkips() {
    guard let journal = recorder?.journal else { return }
    for (node, positions) in group.topology.nodes.enumerated().dropFirst() {
      let count = arena.statuses[positions.lowerBound].roundSkips
      if count > 0 { journal.didSkip(count, host: group.hosts[node], step: step) }
    }
  }

  private func evaluate() throws -> Verdict {
    let evaluation = try evaluator.evaluate(rows.validation)
    let average = try evaluateAverage(rows.validation)
    if meetings.team.leads {
      let decision = coordinator.observe(evaluation, step: step)
      board.pointee.verdict = Verdict(saves: decision.saves, stops: decision.stops)
    }
    recorder?.journal.didEvaluate(evaluation, average: average, step: step)
    try memory.publishDirective()
    return board.pointee.verdict
  }

  /// The running mean's figures, which decide nothing; nil where none is kept.
  private func evaluateAverage(_ rows: EvaluationRows) throws -> Evaluation? {
    guard let slot = updater.averageSlot else { return nil }
    try memory.shareState(slot)
    return try evaluator.evaluate(rows, with: arena.state[slot])
  }

  /// Stops for a copy of the state, which rank 0's thread then writes. Collective.
  private func save(_ directive: Directive) throws {
    arena.enter(.saving)
    let start = ck_monotonic_ns()
    // The copy is the thread's until it has ended.
    didSave(recorder?.checkpointer.wait())
    // A meeting of all hosts: otherwise other hosts start the next step and wait there for rank 0's
    // disk, under the watchdog's short limit.
    try memory.gatherStatuses()
    try staging?.copy()
    updater.forgetErrors()
    (savedBefore, savedStep) = (savedStep, step)
    if let checkpointer = recorder?.checkpointer, coordinator.isWorthSaving(after: directive) {
      coordinator.willSave()
      checkpointer.start(step: step, coordinator: coordinator, pausedSince: start)
      if waitsForDisk, var report = checkpointer.wait() {
        report.pauseNanoseconds = ck_monotonic_ns() - start
        didSave(report)
      }
    }
    if waitsForDisk { try memory.gatherStatuses() }
  }

  /// Saves at once and waits for the report, which the first rank has. Collective.
  func saveNow() throws -> SaveReport? {
    try save(Directive())
    let report = recorder?.checkpointer.wait()
    arena.barrier()
    return report
  }

  private func didSave(_ report: SaveReport?) {
    guard let report else { return }
    coordinator.didSave(report.isWritten, step: report.step)
    if !report.isWritten && savedStep == report.step { savedStep = savedBefore }
    if let seconds = report.seconds { coordinator.time.saveSeconds = seconds }
    recorder?.journal.didSave(report)
  }

  /// Collective: every rank.
  private func finish() throws -> Int32 {
    arena.enter(.finishing)
    didSave(recorder?.checkpointer.wait())
    var result = try agreedCode() == 0 ? judge() : nil
    // What the last update has made, no gradient has shown.
    if result != nil { coordinator.observeResult(isFinite: isFinite(arena.parameters)) }
    let code = try agreedCode()
    if code != 0 { result = nil }
    try report(result)
    return code
  }

  /// The exit code, as rank 0 has it.
  private func agreedCode() throws -> Int32 {
    try group.world.broadcast(value: coordinator.ending(step: step).code)
  }

  private func isFinite(_ parameters: UnsafeMutablePointer<Float>) -> Bool {
    ck_all_finite(parameters, arena.sizes.parameters) != 0
  }

  /// What a run that is complete comes to.
  struct Result {
    /// The step whose weights it is.
    var step: Int
    var test: Evaluation?
    /// The test set's figures of the running mean of the weights.
    var averageTest: Evaluation?
  }

  /// Restores the best weights and evaluates the test set, once. Collective.
  private func judge() throws -> Result {
    var result = Result(step: step)
    if restoresBest {
      try group.onFirst { result.step = try restoreBest() }
      try memory.fetchFromFirst()
    }
    if rows.test.count > 0 {
      result.test = try evaluator.evaluate(rows.test)
      result.averageTest = try evaluateAverage(rows.test)
    } else if let slot = updater.averageSlot {
      try memory.shareState(slot)
    }
    return result
  }

  /// - Returns: the step whose weights the arena has then.
  private func restoreBest() throws -> Int {
    guard let recorder, let best = coordinator.best.first else { return step }
    do {
      try recorder.checkpointer.restore(best.step, into: arena)
      recorder.journal.didRestore(best.step)
      return best.step
    } catch let failure as Failure {
      recorder.journal.couldNotRestore(failure)
      return step
    }
  }

  /// Rank 0 writes the weights of a run that is complete, and how it ended. Collective.
  private func report(_ result: Result?) throws {
    try group.onFirst {
      guard let recorder else { return }
      let (journal, checkpointer) = (recorder.journal, recorder.checkpointer)
      if result != nil { try writeResult(recorder) }
      let reason = coordinator.ending(step: step).reason
      journal.finish(
        RunReport(
          reason: reason, step: step, best: coordinator.best.first, result: result,
          weights: checkpointer.modelPath,
          run: checkpointer.hasSaved ? checkpointer.runPath : nil))
      // A run that diverged may have had nothing that was worth saving.
      if reason != .diverged { try checkpointer.checkOutcome() }
    }
  }

  private func writeResult(_ recorder: Recorder) throws {
    var average = updater.averageSlot.map { arena.state[$0] }
    // It remembers what the best weights, taken back, do not.
    if let mean = average, !isFinite(mean) {
      recorder.journal.didLoseAverage()
      average = nil
    }
    try recorder.checkpointer.writeModel(arena.parameters, average: average)
  }
}

/// What rank 0 alone has: console, metrics and checkpoints.
struct Recorder {
  let journal: Journal
  let checkpointer: Checkpointer
}
