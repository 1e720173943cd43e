import Basics
import CKernels
import MPI

/// Sums gradients where they lie, in canonical order, one block at a time.
///
/// Contract: `fillSlots`, a meeting of all ranks, then `reduceSlices` or `discard`. From when all
/// have filled a bucket until the next meeting nobody writes a slot but in its own slices and in
/// those that it sends to other nodes. The sum of a block is handed, still in cache, to the
/// caller's closure.
///
/// Between nodes the sums travel as a `SumTransport` has it: a bucket leaves as soon as every rank
/// of the node has filled it, while backward goes on.
package final class GradientReducer {
  /// Who adds what the nodes have.
  package enum Mode: String, Sendable, CaseIterable {
    /// The owner of each slice, in the order of the canonical tree.
    case canonical
    /// `MPI_Ireduce`, in an order of its own: the same bits only on the same ranks and hosts.
    case fast
  }

  private let arena: NodeArena
  private let division: WorkDivision
  private let exchange: NodeExchange
  private let position: Int
  private let plan: ReductionPlan
  /// Where sums are kept: a slot that another rank filled, if there is one. Lines that a core writes
  /// behind reading them pass to it for good; lines that it only reads stay with both cores, and
  /// their next writer has to ask for each.
  private let keptSlot: Int
  private let filler: SlotFiller
  private let temporaries: AlignedBuffer<Float>
  private let blockLength: Int
  /// What brings the sums of other nodes; nil where there are none.
  private let transport: (any SumTransport)?

  /// Steps begun: how often each local rank has filled each bucket when it is complete.
  private var round = 0
  /// Buckets of this step that this rank has filled, and that it has sent.
  private var filledCount = 0
  private var sentCount = 0
  /// Bytes that came from other nodes, and those of them that were here before this rank's
  /// backward pass was over.
  package private(set) var received = (all: 0, hidden: 0)

  /// - Parameters:
  ///   - position: this rank in (node, local rank) order.
  ///   - tensors: what the blocks are pieces of, for a compression that must know.
  package init(
    arena: NodeArena, division: WorkDivision, exchange: NodeExchange, position: Int,
    mode: Mode = .canonical, compression: Compression = .none, tensors: [TensorShape] = []
  ) {
    self.arena = arena
    self.division = division
    self.exchange = exchange
    self.position = position
    plan = ReductionPlan(
      division, position: position,
      addsNodes: GradientReducer.addsNodes(division, mode, compression))
    keptSlot = division.firstSlot(of: position) > 0 ? 0 : arena.gradientSlots.count - 1
    filler = SlotFiller(arena: arena, division: division, position: position)
    blockLength = division.blocks.map(\.count).max() ?? 1
    temporaries = AlignedBuffer(count: max(1, plan.temporaryCount) * blockLength)
    transport = GradientReducer.transport(
      division, plan: plan, exchange: exchange, arena: arena, position: position, mode: mode,
      compression: compression, tensors: tensors)
    filler.didFill = { [unowned self] in try didFill($0) }
  }

  /// Computes this rank's leaves into its slots, and lets filled buckets go to other nodes.
  /// - Returns: whether every leaf's gradient is finite.
  package func fillSlots(_ computeLeaf: SlotFiller.Leaf) throws -> Bool {
    try begin()
    let isFinite = try filler.fill(computeLeaf)
    if let bytes = try transport?.received() {
      received.all += bytes.all
      received.hidden += bytes.here
    }
    return isFinite
  }

  /// The slots have been filled by other means: in place of `fillSlots`.
  package func publishSlots() throws {
    try begin()
    try didFill(division.buckets.count)
  }

  private func begin() throws {
    round += 1
    filledCount = 0
    sentCount = 0
    try transport?.begin()
  }

  /// The first `count` buckets of this rank are filled: those that are on the whole node may go.
  private func didFill(_ count: Int) throws {
    guard let transport else { return }
    while filledCount < count {
      ck_add_release(arena.filled + filledCount, 1)
      filledCount += 1
    }
    let complete = UInt64(round * arena.localRankCount)
    while sentCount < division.buckets.count,
      ck_load_acquire(arena.filled + sentCount) >= complete
    {
      sentCount += 1
      try transport.send(sentCount - 1) { addNode($0) }
    }
    exchange.progress()
  }

  /// Behind a meeting of the node: every bucket is filled.
  private func sendRest() throws {
    guard let transport else { return }
    while sentCount < division.buckets.count {
      sentCount += 1
      try transport.send(sentCount - 1) { addNode($0) }
    }
  }

  /// The node's own sums of a block.
  private func addNode(_ block: Int) {
    let range = division.blocks[block]
    for addition in plan.nodeAdditions { add(addition, block, bucket: 0) }
    // A node without leaves adds nothing to a sum that everyone adds to.
    if plan.sumSlots.isEmpty {
      (arena.gradientSlots[0] + range.lowerBound).update(repeating: 0, count: range.count)
    }
  }

  /// sum = left + right, or left alone, left to who has more to do in the same pass. `sum` may be
  /// either of them.
  package struct LastAddition {
    package let sum: UnsafeMutablePointer<Float>
    package let left: UnsafePointer<Float>
    package let right: UnsafePointer<Float>?

    /// The same from element `offset` on.
    package func dropFirst(_ offset: Int) -> LastAddition {
      LastAddition(sum: sum + offset, left: left + offset, right: right.map { $0 + offset })
    }
  }

  /// The sum over all leaves of each block of this rank's slices. Behind a meeting of all ranks.
  ///
  /// - Parameters:
  ///   - keeps: whether the sums stay for `visitKept` (a global norm must be known first), in a
  ///     slot, which nobody else reads in this slice.
  ///   - body: block number, the block's elements in the arena, and its sum but for the last
  ///     addition, which has a place to go to.
  ///   - didFinish: called behind the last block of each bucket.
  package func reduceSlices(
    keeps: Bool, _ body: (Int, Range<Int>, LastAddition) -> Void,
    didFinish: (_ bucket: Int) throws -> Void = { _ in }
  ) throws {
    try sendRest()
    try transport?.finish { addNode($0) }
    let (additions, last) = (plan.additions.dropLast(), plan.additions.last)
    let target = keeps ? ReductionPlan.Place.slot(keptSlot) : last?.target ?? plan.result
    for bucket in division.buckets.indices {
      try transport?.wait(for: bucket)
      for block in division.slices[bucket][position] {
        transport?.open(block: block, bucket: bucket)
        for addition in additions { add(addition, block, bucket: bucket) }
        body(
          block, division.blocks[block],
          LastAddition(
            sum: address(target, block, bucket: bucket),
            left: address(last?.left ?? plan.result, block, bucket: bucket),
            right: last.map { address($0.right, block, bucket: bucket) }))
      }
      try didFinish(bucket)
    }
  }

  /// The blocks of this rank's slices as `reduceSlices(keeps: true)` left them.
  package func visitKept(
    _ body: (Int, Range<Int>, UnsafeMutablePointer<Float>) throws -> Void,
    didFinish: (_ bucket: Int) throws -> Void = { _ in }
  ) rethrows {
    for bucket in division.buckets.indices {
      for block in division.slices[bucket][position] {
        let range = division.blocks[block]
        try body(block, range, arena.gradientSlots[keptSlot] + range.lowerBound)
      }
      try didFinish(bucket)
    }
  }

  /// Lets a step's sums arrive and forgets them: its update is skipped.
  package func discard() throws {
    try sendRest()
    for bucket in division.buckets.indices { try transport?.wait(for: bucket) }
  }

  /// What compression has left out so far is lost.
  package func forgetErrors() { transport?.forgetErrors() }

  private func add(_ addition: ReductionPlan.Addition, _ block: Int, bucket: Int) {
    ck_add(
      address(addition.target, block, bucket: bucket),
      address(addition.left, block, bucket: bucket),
      address(addition.right, block, bucket: bucket), division.blocks[block].count)
  }

  private func address(
    _ place: ReductionPlan.Place, _ block: Int, bucket: Int
  ) -> UnsafeMutablePointer<Float> {
    switch place {
    case .slot(let slot): arena.gradientSlots[slot] + division.blocks[block].lowerBound
    case .temporary(let index): temporaries.pointer + index * blockLength
    case .inbox(let index):
      if let transport {
        transport.inbox(index, block: block, bucket: bucket)
      } else {
        preconditionFailure("an inbox without other nodes")
      }
    }
  }
}
