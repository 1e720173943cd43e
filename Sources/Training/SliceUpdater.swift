import Basics
import CKernels
import DataParallel
import Graph
import Optimizers

/// Reduces this rank's slice and updates its parameters: the second half of a step.
///
/// One pass over the slices reduces and updates, block by block in the cache. Where sums over
/// other blocks must be known first, there are more, and all ranks meet before each.
final class SliceUpdater {
  private enum Pass {
    /// Clip by norms of the whole gradient or of its units, then move.
    case clip
    /// Finish the move of an optimizer that needs the norms of each tensor.
    case finish
    /// Hold the rows of the moved weights to their norm.
    case constrain
  }

  private let meetings: StepMeetings
  let arena: NodeArena
  private let reducer: GradientReducer
  private let division: WorkDivision
  let layout: ParameterLayout
  private let optimizer: any Optimizer
  /// The number of state arrays. Asking the optimizer for `stateNames` in every block retains and
  /// releases an array; its atomic counters drain the store buffer and cost a third of an update.
  private let stateCount: Int
  let rules: UpdateRules
  private let passes: [Pass]
  private let statistics: [RunningStatistic?]
  /// The parameter at hand and its norms.
  private var tensor = (entry: -1, norms: (parameters: 0.0, direction: 0.0))
  /// Where the block at hand begins in each state array.
  private let state: UnsafeMutablePointer<UnsafeMutablePointer<Float>>
  private let leafValues: AlignedBuffer<Double>
  private let blockValues: AlignedBuffer<Double>
  /// The state array that holds the running mean of the parameters.
  let averageSlot: Int?
  /// Elements of a block at a time: with the state of two moments they stay in a core's first
  /// cache from the mean to the update.
  private static let pieceLength = 1024

  init(
    meetings: StepMeetings, reducer: GradientReducer, layout: ParameterLayout,
    optimizer: any Optimizer, rules: UpdateRules
  ) {
    self.meetings = meetings
    arena = meetings.arena
    self.reducer = reducer
    division = meetings.team.division
    self.layout = layout
    self.optimizer = optimizer
    self.rules = rules
    statistics = layout.blocks.map { layout.entries[$0.entry].parameter.statistic }
    passes =
      (rules.clipping.needsNorms ? [.clip] : []) + (optimizer.needsTensorNorms ? [.finish] : [])
      + (rules.maxNorm == nil ? [] : [.constrain])
    stateCount = optimizer.stateNames.count
    state = .allocate(capacity: max(1, stateCount))
    leafValues = AlignedBuffer(count: division.tree.nodes.count)
    blockValues = AlignedBuffer(count: max(1, layout.blocks.count))
    averageSlot = rules.averageDecay == nil ? nil : stateCount
  }

  deinit { state.deallocate() }

  /// Sums over all leaves of the step, in tree order. Valid between the step's barriers.
  func leafSum(_ value: (NodeArena.LeafSums) -> Double) -> Double {
    for leaf in 0..<division.tree.leafCount {
      leafValues.pointer[leaf] = value(arena.leaves[leaf])
    }
    return division.tree.sum(leafValues.pointer)
  }

  /// The 2-norm of the last step's mean gradient, before clipping.
  func gradientNorm() -> Double {
    blockSum(of: layout.blocks.indices) { $0.squaredNorm }.squareRoot()
  }

  func penaltyValue() -> Double {
    rules.penalty.isActive ? blockSum(of: layout.blocks.indices) { $0.penalty } : 0
  }

  /// In the one order of `pairwiseSum`.
  func blockSum(of blocks: Range<Int>, _ value: (NodeArena.BlockSums) -> Double) -> Double {
    for block in blocks { blockValues.pointer[block] = value(arena.blocks[block]) }
    return pairwiseSum(UnsafeMutableBufferPointer(rebasing: blockValues.elements[blocks]))
  }

  /// Collective: every rank, between `gatherVotes` and `gatherParameters`.
  /// - Parameter batch: samples of the step, over all leaves.
  func update(_ directive: Directive, batch: Int) throws {
    arena.enter(.reducing)
    // Where every label of the batch is ignored, the gradient is zero, not 0/0.
    let total = leafSum { $0.weight }
    let weight = total == 0 ? 1 : Float(total)
    let movesAtOnce = passes.first != .clip
    try reducer.reduceSlices(keeps: !passes.isEmpty) { block, range, addition in
      arena.blocks[block] = NodeArena.BlockSums()
      for offset in stride(from: 0, to: range.count, by: SliceUpdater.pieceLength) {
        let piece = range.dropFirst(offset).prefix(SliceUpdater.pieceLength)
        let addition = addition.dropFirst(offset)
        takeMean(block, piece, addition, weight: weight)
        if movesAtOnce { move(directive, block, piece, addition.sum, factor: 1) }
        if passes.isEmpty {
          follow(block, piece, addition.sum, batch: batch)
          average(directive, piece)
        }
      }
    } didFinish: { bucket in
      if passes.isEmpty { try meetings.startSharingParameters(bucket: bucket) }
    }
    for pass in passes {
      try meetings.gatherBlockSums()
      let norm = gradientNorm()
      // A sum that overflowed: rank 0 ends the run. What has moved is to be alike on all nodes.
      guard norm.isFinite else {
        if movesAtOnce { try division.buckets.indices.forEach(meetings.startSharingParameters) }
        return
      }
      let factor = rules.clipping.factor(norm: norm)
      tensor.entry = -1
      try reducer.visitKept { block, range, gradient in
        switch pass {
        case .clip:
          clipUnits(block, range, gradient)
          move(directive, block, range, gradient, factor: factor)
        case .finish: finishMove(directive, block, range, gradient)
        case .constrain: constrain(block, range)
        }
        if pass == passes.last {
          follow(block, range, gradient, batch: batch)
          average(directive, range)
        }
      } didFinish: { bucket in
        if pass == passes.last { try meetings.startSharingParameters(bucket: bucket) }
      }
    }
  }

  /// The step's gradients are not finite: they are let go. Collective, as `update`.
  func skip(_ directive: Directive) throws {
    try reducer.discard()
    // A running mean begins all the same: hosts that train apart bring theirs, whatever they skipped.
    guard averageSlot != nil, directive.scalars.isFirstStep else { return }
    for block in division.ownBlocks(of: meetings.team.position) {
      average(directive, division.blocks[block])
    }
  }

  /// The state is saved: what compression has left out is no part of it, nor of the steps to come.
  func forgetErrors() { reducer.forgetErrors() }

  /// Moves a running statistic: `sum` is over the values of all leaves.
  private func follow(
    _ block: Int, _ range: Range<Int>, _ sum: UnsafeMutablePointer<Float>, batch: Int
  ) {
    guard let statistic = statistics[block] else { return }
    let count = division.statisticCount(
      valuesPerSample: statistic.valuesPerSample, batch: batch)
    if count == 0 { return }
    ck_update_statistic(
      arena.parameters + range.lowerBound, sum, statistic.momentum, Double(count), range.count)
  }

  /// The sum becomes the mean, with penalties, and adds its norm to the block's.
  private func takeMean(
    _ block: Int, _ range: Range<Int>, _ addition: GradientReducer.LastAddition, weight: Float
  ) {
    let rule = rules.entries[layout.blocks[block].entry]
    if statistics[block] != nil {
      _ = ck_mean(addition.sum, addition.left, addition.right, 1, range.count)
    } else if !rule.isFrozen {
      let parameters = arena.parameters + range.lowerBound
      let gradient = addition.sum
      var squares = ck_mean(gradient, addition.left, addition.right, weight, range.count)
      if rules.penalty.isActive && rule.isPenalized {
        arena.blocks[block].penalty += rules.penalty.value(of: parameters, count: range.count)
        rules.penalty.addGradient(to: gradient, at: parameters, count: range.count)
        squares = ck_sum_squares(gradient, range.count)
      }
      arena.blocks[block].squaredNorm += squares
      if rules.clipping.ratio != nil || optimizer.needsTensorNorms {
        arena.blocks[block].parameterSquares += ck_sum_squares(parameters, range.count)
      }
    }
  }

  /// Clips and updates; where tensor norms are needed, only up to the direction.
  private func move(
    _ directive: Directive, _ block: Int, _ range: Range<Int>,
    _ gradient: UnsafeMutablePointer<Float>, factor: Float
  ) {
    if rules.entries[layout.blocks[block].entry].isFrozen { return }
    rules.clipping.apply(gradient, count: range.count, factor: factor)
    if directive.noise > 0 {
      GradientNoise.add(
        to: gradient, range, deviation: directive.noise, step: directive.step, seed: rules.seed)
    }
    let update = updateBlock(block, range, gradient)
    if optimizer.needsTensorNorms {
      optimizer.prepare(update, directive.scalars)
      arena.blocks[block].directionSquares += ck_sum_squares(gradient, range.count)
    } else {
      optimizer.update(update, directive.scalars)
      didMove(block, range)
    }
  }

  private func finishMove(
    _ directive: Directive, _ block: Int, _ range: Range<Int>,
    _ direction: UnsafeMutablePointer<Float>
  ) {
    let entry = layout.blocks[block].entry
    if rules.entries[entry].isFrozen { return }
    if entry != tensor.entry { tensor = (entry, tensorNorms(layout.entries[entry].blocks)) }
    var update = updateBlock(block, range, direction)
    update.norms = tensor.norms
    optimizer.update(update, directive.scalars)
    didMove(block, range)
  }

  private func tensorNorms(_ blocks: Range<Int>) -> (parameters: Double, direction: Double) {
    (
      blockSum(of: blocks) { $0.parameterSquares }.squareRoot(),
      blockSum(of: blocks) { $0.directionSquares }.squareRoot()
    )
  }

  private func updateBlock(
    _ block: Int, _ range: Range<Int>, _ gradient: UnsafeMutablePointer<Float>
  ) -> UpdateBlock {
    let offset = range.lowerBound - division.blocks[block].lowerBound
    for slot in 0..<stateCount {
      state[slot] = arena.state[slot] + arena.sizes.state[slot].starts[block] + offset
    }
    let rule = rules.entries[layout.blocks[block].entry]
    var update = UpdateBlock(
      parameters: arena.parameters + range.lowerBound, gradient: gradient,
      state: UnsafePointer(state), count: range.count, weightDecay: rule.weightDecay)
    update.rateFactor = rule.rateFactor
    return update
  }

  private func didMove(_ block: Int, _ range: Range<Int>) {
    if rules.maxNorm == nil { return }
    arena.blocks[block].updatedSquares += ck_sum_squares(
      arena.parameters + range.lowerBound, range.count)
  }

  /// The running mean follows the parameters, which it begins with. Source: Polyak and Juditsky,
  /// 1992; PyTorch's `AveragedModel` with `get_ema_multi_avg_fn`.
  private func average(_ directive: Directive, _ range: Range<Int>) {
    guard let averageSlot, let decay = rules.averageDecay else { return }
    let mean = arena.state[averageSlot] + range.lowerBound
    let parameters = arena.parameters + range.lowerBound
    if directive.scalars.isFirstStep {
      mean.update(from: parameters, count: range.count)
    } else {
      ck_average(mean, parameters, Float(1 - decay), range.count)
    }
  }
}
