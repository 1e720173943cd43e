import Basics
import CKernels
import DataParallel
import Graph
import Optimizers

/// Reduces this rank's slice and updates its parameters: the second half of a step.
final class SliceUpdater {
  /// What follows the reduction where sums over all blocks must be known first.
  private enum Pass {
    /// Clip by the norm of the whole gradient, then move.
    case clip
    /// Finish the move of an optimizer that needs the norms of each tensor.
    case finish
  }

  private let memory: RunMemory
  private let arena: NodeArena
  private let reducer: GradientReducer
  private let tree: CanonicalTree
  private let layout: ParameterLayout
  private let optimizer: any Optimizer
  private let penalty: Penalty
  private let clipping: Clipping
  private let penalizes: [Bool]
  /// By block.
  private let weightDecays: [Double]
  private let passes: [Pass]
  /// The blocks of each parameter.
  private let entryBlocks: [Range<Int>]
  /// The parameter at hand and its norms.
  private var tensor = (entry: -1, norms: (parameters: 0.0, direction: 0.0))
  /// Where the block at hand begins in each state array.
  private let state: UnsafeMutablePointer<UnsafeMutablePointer<Float>>
  private let leafValues: AlignedBuffer<Double>
  private let blockValues: AlignedBuffer<Double>

  init(
    memory: RunMemory, reducer: GradientReducer, tree: CanonicalTree, layout: ParameterLayout,
    optimizer: any Optimizer, penalty: Penalty, clipping: Clipping,
    decayExclude: Set<Parameter.Role>
  ) {
    self.memory = memory
    arena = memory.arena
    self.reducer = reducer
    self.tree = tree
    self.layout = layout
    self.optimizer = optimizer
    self.penalty = penalty
    self.clipping = clipping
    penalizes = layout.blocks.map { layout.entries[$0.entry].parameter.role == .weight }
    weightDecays = layout.blocks.map {
      decayExclude.contains(layout.entries[$0.entry].parameter.role) ? 0 : optimizer.weightDecay
    }
    passes = (clipping.norm == nil ? [] : [.clip]) + (optimizer.needsTensorNorms ? [.finish] : [])
    var start = 0
    entryBlocks = layout.entries.indices.map { entry in
      let end = layout.blocks[start...].firstIndex { $0.entry != entry } ?? layout.blocks.count
      defer { start = end }
      return start..<end
    }
    state = .allocate(capacity: max(1, arena.state.count))
    leafValues = AlignedBuffer(count: tree.nodes.count)
    blockValues = AlignedBuffer(count: max(1, layout.blocks.count))
  }

  deinit { state.deallocate() }

  /// Sums over all leaves of the step, in tree order. Valid between the step's barriers.
  func leafSum(_ value: (NodeArena.LeafSums) -> Double) -> Double {
    for leaf in 0..<tree.leafCount {
      leafValues.pointer[leaf] = value(arena.leaves[leaf])
    }
    return tree.sum(leafValues.pointer)
  }

  /// The 2-norm of the last step's mean gradient, before clipping.
  func gradientNorm() -> Double {
    blockSum { $0.squaredNorm }.squareRoot()
  }

  func penaltyValue() -> Double { penalty.isActive ? blockSum { $0.penalty } : 0 }

  private func blockSum(
    of blocks: Range<Int>? = nil, _ value: (NodeArena.BlockSums) -> Double
  ) -> Double {
    let blocks = blocks ?? layout.blocks.indices
    for block in blocks { blockValues.pointer[block] = value(arena.blocks[block]) }
    return pairwiseSum(UnsafeMutableBufferPointer(rebasing: blockValues.elements[blocks]))
  }

  /// Collective: every rank, between `gatherVotes` and `gatherParameters`.
  ///
  /// One pass over the slices reduces and updates; all ranks meet before each further one.
  func update(scalars: StepScalars) throws {
    arena.enter(.reducing)
    let weight = Float(leafSum { $0.weight })
    let movesAtOnce = passes.first != .clip
    try reducer.exchangeSums()
    try reducer.reduceSlices(keeps: !passes.isEmpty) { block, range, gradient in
      takeMean(block, range, gradient, weight: weight)
      if movesAtOnce { move(scalars, block, range, gradient, factor: 1) }
    } didFinish: { bucket in
      if passes.isEmpty { try memory.startSharingParameters(bucket: bucket) }
    }
    for pass in passes {
      try memory.gatherBlockSums()
      let norm = gradientNorm()
      // A sum that overflowed: the parameters stay as they are, and rank 0 ends the run.
      guard norm.isFinite else { return }
      let factor = clipping.factor(norm: norm)
      tensor.entry = -1
      try reducer.visitKept { block, range, gradient in
        switch pass {
        case .clip: move(scalars, block, range, gradient, factor: factor)
        case .finish: finishMove(scalars, block, range, gradient)
        }
      } didFinish: { bucket in
        if pass == passes.last { try memory.startSharingParameters(bucket: bucket) }
      }
    }
  }

  /// The sum becomes the mean, with penalties, and leaves its norm.
  private func takeMean(
    _ block: Int, _ range: Range<Int>, _ gradient: UnsafeMutablePointer<Float>, weight: Float
  ) {
    var squares = ck_mean(gradient, gradient, nil, weight, range.count)
    if penalty.isActive {
      let parameters = arena.parameters + range.lowerBound
      arena.blocks[block].penalty =
        penalizes[block] ? penalty.value(of: parameters, count: range.count) : 0
      if penalizes[block] {
        penalty.addGradient(to: gradient, at: parameters, count: range.count)
        squares = ck_sum_squares(gradient, range.count)
      }
    }
    arena.blocks[block].squaredNorm = squares
  }

  /// Clips and updates; where tensor norms are needed, only up to the direction.
  private func move(
    _ scalars: StepScalars, _ block: Int, _ range: Range<Int>,
    _ gradient: UnsafeMutablePointer<Float>, factor: Float
  ) {
    clipping.apply(gradient, count: range.count, factor: factor)
    let update = updateBlock(block, range, gradient)
    if optimizer.needsTensorNorms {
      optimizer.prepare(update, scalars)
      arena.blocks[block].parameterSquares = ck_sum_squares(update.parameters, range.count)
      arena.blocks[block].directionSquares = ck_sum_squares(gradient, range.count)
    } else {
      optimizer.update(update, scalars)
    }
  }

  private func finishMove(
    _ scalars: StepScalars, _ block: Int, _ range: Range<Int>,
    _ direction: UnsafeMutablePointer<Float>
  ) {
    var update = updateBlock(block, range, direction)
    let entry = layout.blocks[block].entry
    if entry != tensor.entry { tensor = (entry, tensorNorms(entry)) }
    update.norms = tensor.norms
    optimizer.update(update, scalars)
  }

  /// Over all blocks of the parameter, in the one order of `pairwiseSum`.
  private func tensorNorms(_ entry: Int) -> (parameters: Double, direction: Double) {
    let blocks = entryBlocks[entry]
    return (
      blockSum(of: blocks) { $0.parameterSquares }.squareRoot(),
      blockSum(of: blocks) { $0.directionSquares }.squareRoot()
    )
  }

  private func updateBlock(
    _ block: Int, _ range: Range<Int>, _ gradient: UnsafeMutablePointer<Float>
  ) -> UpdateBlock {
    for slot in arena.state.indices { state[slot] = arena.state[slot] + range.lowerBound }
    return UpdateBlock(
      parameters: arena.parameters + range.lowerBound, gradient: gradient,
      state: UnsafePointer(state), count: range.count, weightDecay: weightDecays[block])
  }
}
