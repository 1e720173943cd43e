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
package final class Trainer {
  private let group: RankGroup
  private let memory: RunMemory
  private let arena: NodeArena
  private let worker: LeafWorker
  private let updater: SliceUpdater
  private let replicas: ReplicaCheck
  private let evaluator: Evaluator
  private let rows: (validation: EvaluationRows, test: EvaluationRows)
  private let board: UnsafeMutablePointer<Board>
  private var coordinator: Coordinator
  /// Rank 0's pen: console, metrics and checkpoints. Other ranks have none.
  private let journal: Journal?
  private let restoresBest: Bool
  private var step: Int

  init(
    group: RankGroup, memory: RunMemory, worker: LeafWorker, updater: SliceUpdater,
    replicas: ReplicaCheck,
    evaluator: Evaluator, rows: (validation: EvaluationRows, test: EvaluationRows),
    coordinator: Coordinator, journal: Journal?, firstStep: Int
  ) {
    self.group = group
    self.memory = memory
    arena = memory.arena
    self.worker = worker
    self.updater = updater
    self.replicas = replicas
    self.evaluator = evaluator
    self.rows = rows
    self.coordinator = coordinator
    self.journal = journal
    board = arena.directive(as: Board.self)
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
    }
    return try finish()
  }

  /// One optimizer step.
  func trainStep() throws -> Directive {
    let start = ck_monotonic_ns()
    if group.isFirst { board.pointee.directive = coordinator.directive(step: step) }
    arena.own.pointee.waitNanoseconds = 0
    try worker.computeGradients(step: step)

    replicas.post(step: step)
    try memory.gatherVotes()
    try replicas.compare(step: step)
    let directive = board.pointee.directive
    let votes = arena.votes()
    let loss = updater.leafSum { $0.loss } / updater.leafSum { $0.weight }
    if votes.hasNonFinite {
      try updater.skip()
    } else {
      try updater.update(scalars: directive.scalars)
    }

    try memory.gatherParameters()
    step += 1
    group.watchdog.didStep(seconds: Double(ck_monotonic_ns() - start) / 1e9)
    if let journal {
      let norm = updater.gradientNorm()
      coordinator.observe(
        step: step, hasNonFinite: votes.hasNonFinite,
        normIsFinite: norm.isFinite, wantsStop: votes.wantsStop)
      journal.didStep(
        StepReport(
          step: step, epoch: directive.step / coordinator.stepsPerEpoch, loss: Float(loss),
          penalty: updater.penaltyValue(),
          learningRate: coordinator.schedule.rate(at: directive.step),
          gradientNorm: norm, isSkipped: votes.hasNonFinite,
          computeNanoseconds: votes.computeNanoseconds,
          waitNanoseconds: arena.own.pointee.waitNanoseconds))
    }
    return directive
  }

  private func evaluate() throws -> Verdict {
    let evaluation = try evaluator.evaluate(rows.validation)
    if let journal {
      let decision = coordinator.observe(evaluation, step: step)
      board.pointee.verdict = Verdict(saves: decision.saves, stops: decision.stops)
      journal.didEvaluate(evaluation, step: step)
    }
    try memory.publishDirective()
    return board.pointee.verdict
  }

  private func save(_ directive: Directive) throws {
    arena.enter(.saving)
    try memory.collectState()
    if let journal, coordinator.isWorthSaving(after: directive) {
      let isWritten = journal.save(
        step: step, epoch: step / coordinator.stepsPerEpoch, coordinator: coordinator)
      coordinator.didSave(isWritten, step: step)
    }
    arena.barrier()
  }

  /// Restores the best weights, evaluates the test set once, writes the result.
  private func finish() throws -> Int32 {
    arena.enter(.finishing)
    let (reason, ownCode) = coordinator.ending(step: step)
    let code = try group.world.broadcast(value: ownCode)
    var test: Evaluation?
    var evaluatedStep = step
    if code == 0 {
      try group.onFirst {
        if restoresBest, let best = coordinator.best.first,
          try journal?.restore(best.step) == true
        {
          evaluatedStep = best.step
        }
      }
      if restoresBest { try memory.fetchFromFirst(state: false) }
      if rows.test.count > 0 { test = try evaluator.evaluate(rows.test) }
    }
    try group.onFirst {
      try journal?.finish(
        reason: reason.rawValue, step: step, best: coordinator.best.first,
        test: test.map { ($0, evaluatedStep) },
        isComplete: code == 0)
    }
    return code
  }
}

extension NodeArena {
  /// What the ranks of the run say about the step. Valid between the step's meetings.
  func votes() -> (hasNonFinite: Bool, wantsStop: Bool, computeNanoseconds: UInt64) {
    var result = (hasNonFinite: false, wantsStop: false, computeNanoseconds: UInt64(0))
    for rank in 0..<rankCount {
      let status = statuses[rank]
      result.hasNonFinite = result.hasNonFinite || status.hasNonFinite
      result.wantsStop = result.wantsStop || status.wantsStop
      result.computeNanoseconds = max(result.computeNanoseconds, status.computeNanoseconds)
    }
    return result
  }
}
