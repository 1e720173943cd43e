import Basics
import CKernels
import DataParallel
import Graph
import Optimizers

/// Reduces this rank's slice and updates its parameters: the second half of a step.
final class SliceUpdater {
  private let memory: RunMemory
  private let arena: NodeArena
  private let reducer: GradientReducer
  private let tree: CanonicalTree
  private let layout: ParameterLayout
  private let optimizer: any Optimizer
  private let penalty: Penalty
  private let clipping: Clipping
  private let penalizes: [Bool]
  private let decays: [Bool]
  private let state: UnsafeMutableBufferPointer<UnsafeMutablePointer<Float>>
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
    decays = layout.blocks.map {
      !decayExclude.contains(layout.entries[$0.entry].parameter.role)
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

  private func blockSum(_ value: (NodeArena.BlockSums) -> Double) -> Double {
    for block in layout.blocks.indices {
      blockValues.pointer[block] = value(arena.blocks[block])
    }
    return pairwiseSum(blockValues.elements)
  }

  /// Collective: every rank, between `gatherVotes` and `gatherParameters`.
  ///
  /// One pass over the slices; two, and all ranks meet between, where the norm must be known
  /// first.
  func update(scalars: StepScalars) throws {
    arena.enter(.reducing)
    let weight = Float(leafSum { $0.weight })
    let needsNorm = clipping.norm != nil
    try reducer.reduceSlices(keeps: needsNorm) { block, range, gradient in
      ck_divide(gradient, weight, range.count)
      let parameters = arena.parameters + range.lowerBound
      if penalty.isActive {
        arena.blocks[block].penalty =
          penalizes[block] ? penalty.value(of: parameters, count: range.count) : 0
        if penalizes[block] {
          penalty.addGradient(to: gradient, at: parameters, count: range.count)
        }
      }
      arena.blocks[block].squaredNorm = ck_sum_squares(gradient, range.count)
      if !needsNorm { apply(scalars, block, range, gradient, factor: 1) }
    } didFinish: { bucket in
      if !needsNorm { try memory.startSharingParameters(bucket: bucket) }
    }
    guard needsNorm else { return }
    try memory.gatherBlockSums()
    let norm = gradientNorm()
    // A sum that overflowed: the parameters stay as they are, and rank 0 ends the run.
    guard norm.isFinite else { return }
    let factor = clipping.factor(norm: norm)
    try reducer.visitKept { block, range, gradient in
      apply(scalars, block, range, gradient, factor: factor)
    } didFinish: { bucket in
      try memory.startSharingParameters(bucket: bucket)
    }
  }

  /// The step's gradients are not finite: they are let go. Collective, as `update`.
  func skip() throws { try reducer.discard() }

  private func apply(
    _ scalars: StepScalars, _ block: Int, _ range: Range<Int>,
    _ gradient: UnsafeMutablePointer<Float>, factor: Float
  ) {
    clipping.apply(gradient, count: range.count, factor: factor)
    for slot in arena.state.indices { state[slot] = arena.state[slot] + range.lowerBound }
    guard let states = state.baseAddress else { return }
    optimizer.update(
      parameters: arena.parameters + range.lowerBound, gradient: gradient, state: states,
      count: range.count, scalars: scalars, decays: decays[block])
  }
}
