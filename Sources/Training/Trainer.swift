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
  /// Rank 0's pen: console and metrics. Other ranks have none.
  private let journal: Journal?
  /// Rank 0's hand that saves.
  private let checkpointer: Checkpointer?
  /// Where the state is copied for a save; nil where it is all on this node and training waits
  /// for the disk.
  private let staging: CheckpointStaging?
  private let waitsForDisk: Bool
  /// Rank 0's eye on who keeps the others waiting.
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
    coordinator: Coordinator, stragglers: StragglerWatch?, journal: Journal?,
    checkpointer: Checkpointer?, staging: CheckpointStaging?, firstStep: Int
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
    self.journal = journal
    self.checkpointer = checkpointer
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
      didSave(checkpointer?.collect())
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
    guard let journal else { return }
    journal.didStep(
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
    journal?.didNotice(
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
    guard let journal else { return }
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
    journal?.didEvaluate(evaluation, average: average, step: step)
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
    didSave(checkpointer?.wait())
    // A meeting of all hosts: those that had gone on would wait for a slow disk in a step, which is
    // to take less.
    try memory.gatherStatuses()
    try staging?.copy()
    updater.forgetErrors()
    (savedBefore, savedStep) = (savedStep, step)
    if let checkpointer, coordinator.isWorthSaving(after: directive) {
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
    let report = checkpointer?.wait()
    arena.barrier()
    return report
  }

  private func didSave(_ report: SaveReport?) {
    guard let report else { return }
    coordinator.didSave(report.isWritten, step: report.step)
    if !report.isWritten && savedStep == report.step { savedStep = savedBefore }
    if let seconds = report.seconds { coordinator.saveSeconds = seconds }
    journal?.didSave(report)
  }

  /// Restores the best weights, evaluates the test set once, writes the result. Collective.
  private func finish() throws -> Int32 {
    arena.enter(.finishing)
    didSave(checkpointer?.wait())
    var code = try agreedCode()
    var weightsStep = step
    if code == 0 {
      weightsStep = try restoreBest()
      // What the last update has made, no gradient has shown.
      coordinator.observeResult(
        isFinite: ck_all_finite(arena.parameters, arena.sizes.parameters) != 0)
      code = try agreedCode()
    }
    let test = code == 0 ? try evaluateTest() : nil
    try group.onFirst {
      guard let journal, let checkpointer else { return }
      let reason = coordinator.ending(step: step).reason
      if code == 0 { try writeResult(checkpointer, journal) }
      journal.finish(
        reason: reason, step: step, best: coordinator.best.first,
        test: test.map { ($0.weights, weightsStep) }, averageTest: test?.average,
        weights: code == 0 ? checkpointer.modelPath : nil,
        run: checkpointer.hasSaved ? checkpointer.runPath : nil)
      // A run that diverged has nothing that was worth writing.
      if reason != .diverged { try checkpointer.checkOutcome() }
    }
    return code
  }

  /// Rank 0's exit code.
  private func agreedCode() throws -> Int32 {
    try group.world.broadcast(value: coordinator.ending(step: step).code)
  }

  /// - Returns: the step that the weights are of.
  private func restoreBest() throws -> Int {
    guard restoresBest else { return step }
    var restored = step
    try group.onFirst {
      guard let best = coordinator.best.first, let checkpointer else { return }
      do {
        try checkpointer.restore(best.step, into: arena)
        restored = best.step
        journal?.didRestore(best.step)
      } catch let failure as Failure {
        journal?.couldNotRestore(failure)
      }
    }
    try memory.fetchFromFirst()
    return restored
  }

  private func writeResult(_ checkpointer: Checkpointer, _ journal: Journal) throws {
    var average = updater.averageSlot.map { arena.state[$0] }
    // It remembers what the best weights, taken back, do not.
    if let mean = average, ck_all_finite(mean, arena.sizes.parameters) == 0 {
      journal.didLoseAverage()
      average = nil
    }
    try checkpointer.writeModel(arena.parameters, average: average)
  }

  /// nil where there is no test set; a running mean is brought together all the same.
  private func evaluateTest() throws -> (weights: Evaluation, average: Evaluation?)? {
    guard rows.test.count > 0 else {
      if let slot = updater.averageSlot { try memory.shareState(slot) }
      return nil
    }
    return (try evaluator.evaluate(rows.test), try evaluateAverage(rows.test))
  }
}
