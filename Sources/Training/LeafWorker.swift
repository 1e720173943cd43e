import CKernels
import DataParallel
import Datasets
import Graph

/// Computes the gradients of this rank's leaves: batch, forward, loss, backward.
final class LeafWorker {
  private let arena: NodeArena
  private let reducer: GradientReducer
  private let team: StepTeam
  private let plans: PlanCache
  private let assembler: BatchAssembler
  private let sampler: EpochSampler
  private let seed: UInt64
  /// Spent on bringing the samples of leaves together so far.
  private(set) var assemblyNanoseconds: UInt64 = 0
  /// Samples found at once: side by side one costs 8 ns, alone 75, and 64 positions lie in a few
  /// cache lines. And how many are on their way into the cache at a time: a core waits for about as
  /// many lines together.
  private static let (foundAtOnce, fetchedAhead) = (64, 16)
  /// The last samples found: two turns' worth.
  private let found = UnsafeMutableBufferPointer<BatchAssembler.Sample>.allocate(
    capacity: 2 * foundAtOnce)

  init(
    arena: NodeArena, reducer: GradientReducer, team: StepTeam, plans: PlanCache,
    assembler: BatchAssembler, sampler: EpochSampler, seed: UInt64
  ) {
    self.arena = arena
    self.reducer = reducer
    self.team = team
    self.plans = plans
    self.assembler = assembler
    self.sampler = sampler
    self.seed = seed
  }

  deinit { found.deallocate() }

  /// Fills this rank's gradient slots and leaf sums for step `step`, and posts whether
  /// everything is finite. Returns the samples of the whole step, other teams' included.
  func computeGradients(step: Int) throws -> Int {
    let start = ck_monotonic_ns()
    arena.enter(.assembling)
    let batch = sampler.batch(step: step)
    let isFinite = try reducer.fillSlots { leaf, gradient, isFinalFrom in
      let samples = team.division.samples(ofLeaf: leaf, batch: batch.count)
      if samples.isEmpty {
        gradient.update(repeating: 0, count: plans.layout.arenaCount)
        arena.leaves[leaf] = NodeArena.LeafSums()
        return
      }
      arena.enter(.assembling)
      let began = arena.own.pointee.since
      assemble(samples, of: batch)
      let plan = try plans.training(
        batch: samples.count, parameters: arena.parameters, gradients: gradient)
      // A sample's place in the step's batch: whoever computes it draws the same numbers.
      let random = ck_random_context(
        seed: seed, step: UInt64(step), first_sample: UInt64(samples.lowerBound))
      arena.enter(.forward)
      assemblyNanoseconds += arena.own.pointee.since - began
      let sums = try plan.run(random) { element in
        arena.enter(.backward)
        try isFinalFrom(element)
      }
      arena.leaves[leaf] = NodeArena.LeafSums(sums)
    }
    arena.own.pointee.hasNonFinite = !isFinite
    arena.own.pointee.wantsStop = ck_signal_received() != 0
    arena.own.pointee.computeNanoseconds = ck_monotonic_ns() - start
    return batch.count
  }

  /// Numbers of one sample.
  var featureCount: Int { assembler.data.dataset.featureCount }

  /// Brings the samples of all leaves of this rank together as step `step` would, and does
  /// nothing with them. Returns their number.
  func assembleSamples(step: Int) -> Int {
    let batch = sampler.batch(step: step)
    return team.division.leaves(of: team.position).reduce(0) { count, leaf in
      let samples = team.division.samples(ofLeaf: leaf, batch: batch.count)
      assemble(samples, of: batch)
      return count + samples.count
    }
  }

  /// Copies a leaf's samples into the plan's features and targets. Their rows lie anywhere in
  /// memory: each is fetched while those before it are copied.
  private func assemble(_ samples: Range<Int>, of batch: EpochSampler.Batch) {
    let (atOnce, ahead) = (LeafWorker.foundAtOnce, LeafWorker.fetchedAhead)
    for index in 0..<(samples.count + ahead) {
      if index < samples.count {
        if index % atOnce == 0 {
          let positions = samples.dropFirst(index).prefix(atOnce)
          let turn = found[(index % found.count)...].prefix(positions.count)
          sampler.find(positions, of: batch, into: UnsafeMutableBufferPointer(rebasing: turn))
        }
        assembler.prefetch(found[index % found.count])
      }
      if index >= ahead {
        assembler.copy(found[(index - ahead) % found.count], to: index - ahead, of: plans)
      }
    }
  }
}
