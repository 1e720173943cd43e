import Basics
package import CKernels
import MPI

/// The memory one node's ranks train in: one copy of the parameters, the optimizer's state of what
/// they update, the gradient slots and a control block. Nothing is copied between ranks: each rank
/// reads the slots and writes its own slice in place.
package final class NodeArena {
  /// What the arena must hold.
  package struct Sizes: Sendable, Equatable {
    package var parameters: Int
    /// The arrays of the optimizer's state.
    package var state: [StateLayout]
    package var gradientSlots: Int
    package var leaves: Int
    package var blocks: Int
    /// Fixed chunks of the largest evaluation.
    package var chunks: Int
    /// Runs of blocks that travel between nodes together.
    package var buckets: Int

    package init(
      parameters: Int, state: [StateLayout], gradientSlots: Int, leaves: Int, blocks: Int,
      chunks: Int,
      buckets: Int = 1
    ) {
      self.parameters = parameters
      self.state = state
      self.gradientSlots = gradientSlots
      self.leaves = leaves
      self.blocks = blocks
      self.chunks = chunks
      self.buckets = buckets
    }

    /// Bytes of a node's window.
    package var byteCount: Int { Layout(self).byteCount }
  }

  /// Sums of one leaf or one evaluation chunk, a cache line each; metrics of chunks only.
  package struct LeafSums: BitwiseCopyable, Sendable {
    package var loss = 0.0
    package var weight = 0.0
    package var count = 0.0
    package var correct = 0.0
    package var absolute = 0.0
    package var squared = 0.0
    package var mean = 0.0
    package var spread = 0.0
    package init() {}
    package init(_ sums: ck_loss_sums, _ metrics: ck_metric_sums = ck_metric_sums()) {
      loss = sums.loss
      weight = sums.weight
      count = metrics.count
      correct = metrics.correct
      absolute = metrics.absolute
      squared = metrics.squared
      mean = metrics.mean
      spread = metrics.spread
    }
  }

  /// Byte offsets of the sections; each starts on a page.
  private struct Layout {
    var directive = 0
    var leaves = 0
    var blocks = 0
    var chunks = 0
    var filled = 0
    var parameters = 0
    var state: [Int] = []
    var gradients = 0
    var arenaStride = 0
    var byteCount = 0

    init(_ sizes: Sizes) {
      var end = 0
      func section(_ bytes: Int) -> Int {
        defer { end = (end + bytes).roundedUp(to: pageBytes) }
        return end
      }
      directive = section(NodeArena.directiveBytes)
      leaves = section(sizes.leaves * MemoryLayout<LeafSums>.stride)
      blocks = section(sizes.blocks * MemoryLayout<BlockSums>.stride)
      chunks = section(sizes.chunks * MemoryLayout<LeafSums>.stride)
      filled = section(sizes.buckets * MemoryLayout<UInt64>.stride)
      arenaStride = (sizes.parameters * 4).roundedUp(to: pageBytes)
      parameters = section(arenaStride)
      state = sizes.state.map { section($0.count * 4) }
      gradients = section(arenaStride * sizes.gradientSlots)
      byteCount = end
    }
  }

  /// Partial sums of one parameter block.
  package struct BlockSums: BitwiseCopyable, Sendable {
    /// Of the gradient.
    package var squaredNorm = 0.0
    package var penalty = 0.0
    /// Of the parameters before the update, of its direction, and of the parameters after it,
    /// where these are needed.
    package var parameterSquares = 0.0
    package var directionSquares = 0.0
    package var updatedSquares = 0.0
    package init() {}
  }

  static let directiveBytes = 512

  package let sizes: Sizes
  package let parameters: UnsafeMutablePointer<Float>
  /// One pointer a state array, laid out as `sizes.state` says.
  package let state: [UnsafeMutablePointer<Float>]
  package let gradientSlots: [UnsafeMutablePointer<Float>]
  package let leaves: UnsafeMutablePointer<LeafSums>
  package let blocks: UnsafeMutablePointer<BlockSums>
  package let chunks: UnsafeMutablePointer<LeafSums>
  /// How often the ranks of this node have filled each bucket.
  let filled: UnsafeMutablePointer<UInt64>
  /// By position; those of other nodes as they were when last exchanged.
  package let statuses: UnsafeMutablePointer<RankStatus>
  package let own: UnsafeMutablePointer<RankStatus>
  package var backing: SharedSegment.Backing { segment.backing }

  private let segment: SharedSegment
  let directiveBase: UnsafeMutableRawPointer
  let localRankCount: Int
  private var nodeBarrier: ck_barrier
  private var policy: WaitPolicy
  /// What lets messages between nodes go on while this rank waits for its own node: MPI works only
  /// within its calls, also on a message whose sending it calls complete. Nil on one node.
  private let progress: (() -> Void)?

  /// Collective: every rank of `group`.
  package init(group: RankGroup, sizes: Sizes, policy: WaitPolicy) throws {
    self.sizes = sizes
    self.policy = policy
    localRankCount = group.node.size
    let layout = Layout(sizes)
    segment = try SharedSegment(
      in: group, byteCount: layout.byteCount,
      purpose: "the window of parameters and gradients")
    let base = segment.base
    func pointer<Element>(_ offset: Int, to: Element.Type) -> UnsafeMutablePointer<Element> {
      (base + offset).assumingMemoryBound(to: Element.self)
    }
    nodeBarrier = group.nodeBarrier
    progress = group.nodeCount > 1 ? { [group] in group.world.progress() } : nil
    directiveBase = base + layout.directive
    statuses = group.statuses
    own = group.own
    leaves = pointer(layout.leaves, to: LeafSums.self)
    blocks = pointer(layout.blocks, to: BlockSums.self)
    chunks = pointer(layout.chunks, to: LeafSums.self)
    filled = pointer(layout.filled, to: UInt64.self)
    parameters = pointer(layout.parameters, to: Float.self)
    state = layout.state.map { pointer($0, to: Float.self) }
    gradientSlots = (0..<sizes.gradientSlots).map {
      pointer(layout.gradients + $0 * layout.arenaStride, to: Float.self)
    }
    try group.node.barrier()
  }

  /// Where rank 0 writes what the next step does; read by all between the barriers.
  package func directive<Payload: BitwiseCopyable>(
    as: Payload.Type
  ) -> UnsafeMutablePointer<Payload> {
    precondition(MemoryLayout<Payload>.size <= Self.directiveBytes, "the directive is too long")
    return directiveBase.assumingMemoryBound(to: Payload.self)
  }

  /// Waits for every rank of the node. Collective. All writes before are visible after.
  package func barrier() {
    // First of all: the others wait for it, and the clock takes its time.
    let count = ck_barrier_arrive(&nodeBarrier)
    if ck_barrier_is_passed(&nodeBarrier, count) != 0 { return }
    let start = ck_monotonic_ns()
    policy.wait(at: &nodeBarrier, count: count, meanwhile: progress)
    own.pointee.waitNanoseconds &+= ck_monotonic_ns() - start
  }

  package func enter(_ phase: RankStatus.Phase) { own.enter(phase) }
}
