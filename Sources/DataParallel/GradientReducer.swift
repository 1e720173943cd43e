import Basics
import CKernels
import MPI

/// Sums gradients where they lie, in canonical order, one block at a time.
///
/// Contract: `fillSlots`, a meeting of all ranks, then `reduceSlices` or `discard`; until the next
/// meeting nobody writes a slot but in its own slices. The sum of a block is handed, still in
/// cache, to the caller's closure.
///
/// Between nodes each slice's sums travel straight from every node to the slice's owner: a node
/// sends (N−1)/N of a gradient, as recursive halving would, but all messages are under way at
/// once and any tree of additions can be followed. A node whose leaves are no single subtree
/// sends one sum for each of its maximal ones. A bucket leaves as soon as every rank of the node
/// has filled it, while backward goes on. With a `Compression` they travel in fewer bits.
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
  private let mode: Mode
  private let plan: ReductionPlan
  private let filler: SlotFiller
  private let temporaries: AlignedBuffer<Float>
  private let blockLength: Int
  /// What stands between slots and inboxes, where sums do not travel as they are.
  private let compressor: SumCompressor?
  /// What adds the nodes' sums, where they travel as factors.
  private let lowRank: LowRankExchange?
  /// One array for each sum of each other node, all of this rank's slices one after another.
  private let inboxes: [AlignedBuffer<Float>]
  /// For each bucket: what fills the inboxes.
  private let arrivals: [RequestList]
  /// For each bucket: where this rank's slice begins in an inbox.
  private let inboxStarts: [Int]

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
    self.mode = division.topology.nodes.count > 1 ? mode : .canonical
    let plan = ReductionPlan(
      division, position: position,
      wholeSum: GradientReducer.wholeSum(division, mode, compression))
    self.plan = plan
    filler = SlotFiller(arena: arena, division: division, position: position)
    blockLength = division.blocks.map(\.count).max() ?? 1
    temporaries = AlignedBuffer(count: max(1, plan.temporaryCount) * blockLength)
    compressor = compression.wireFormat.map {
      SumCompressor(
        division, position: position, format: $0,
        sums: plan.sumSlots.map { arena.gradientSlots[$0] },
        inboxCount: plan.inboxCount)
    }
    lowRank =
      division.topology.nodes.count == 1
      ? nil
      : compression.matrixRank.map {
        LowRankExchange(
          tensors, rank: $0, division: division, position: position, exchange: exchange,
          sums: arena.gradientSlots[0])
      }
    var total = 0
    inboxStarts = division.slices.map { slices in
      defer { total += division.elements(of: slices[position]).count }
      return total
    }
    let inboxLength = compressor == nil ? total : 0
    inboxes = (0..<plan.inboxCount).map { _ in AlignedBuffer(count: inboxLength) }
    arrivals = division.buckets.map { _ in RequestList() }
    filler.didFill = { [unowned self] in try didFill($0) }
  }

  private static func wholeSum(
    _ division: WorkDivision, _ mode: Mode, _ compression: Compression
  ) -> ReductionPlan.Place? {
    if division.topology.nodes.count == 1 { return nil }
    return compression.matrixRank != nil ? .slot(0) : mode == .fast ? .inbox(0) : nil
  }

  /// Private bytes of a rank: scratch of its leaves and what other nodes send.
  package static func byteCount(
    _ division: WorkDivision, position: Int, parameters: Int, mode: Mode, compression: Compression,
    tensors: [TensorShape]
  ) -> Int {
    let depth = division.subtrees[position].map(division.tree.scratchDepth).max() ?? 0
    let own = division.slices.reduce(0) { $0 + division.elements(of: $1[position]).count }
    let plan = ReductionPlan(
      division, position: position, wholeSum: wholeSum(division, mode, compression))
    var bytes = depth * parameters * 4
    if let format = compression.wireFormat {
      bytes += SumCompressor.byteCount(
        division, position: position, format: format, sumCount: plan.sumSlots.count,
        inboxCount: plan.inboxCount)
    } else {
      bytes += plan.inboxCount * own * 4
    }
    if let rank = compression.matrixRank, division.topology.nodes.count > 1 {
      bytes += PowerSGD.byteCount(
        tensors, rank: rank, topology: division.topology, position: position)
    }
    return bytes
  }

  /// Computes this rank's leaves into its slots, and lets filled buckets go to other nodes.
  /// - Returns: whether every leaf's gradient is finite.
  package func fillSlots(_ computeLeaf: SlotFiller.Leaf) throws -> Bool {
    try begin()
    let isFinite = try filler.fill(computeLeaf)
    for bucket in division.buckets.indices {
      let bytes = inboxes.indices.reduce(0) { $0 + inbox($1, bucket).count }
      received.all += bytes
      if try arrivals[bucket].areComplete() { received.hidden += bytes }
    }
    received.all += lowRank?.receivedBytes ?? 0
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
    if mode == .canonical && lowRank == nil {
      for bucket in division.buckets.indices { try receiveSums(bucket) }
    }
  }

  /// The first `count` buckets of this rank are filled: those that are on the whole node may go.
  private func didFill(_ count: Int) throws {
    // Nobody waits for a bucket of a single node.
    guard exchange.hasPeers else { return }
    while filledCount < count {
      ck_add_release(arena.filled + filledCount, 1)
      filledCount += 1
    }
    let complete = UInt64(round * arena.localRankCount)
    while sentCount < division.buckets.count,
      ck_load_acquire(arena.filled + sentCount) >= complete
    {
      try sendSums(sentCount)
    }
    try exchange.progress()
  }

  /// Behind a meeting of the node: every bucket is filled.
  private func sendRest() throws {
    guard exchange.hasPeers else { return }
    while sentCount < division.buckets.count { try sendSums(sentCount) }
  }

  private func receiveSums(_ bucket: Int) throws {
    var index = 0
    for peer in exchange.peers {
      for _ in division.sums(of: peer.node) {
        try exchange.receive(
          into: inbox(index, bucket), from: peer.position, tag: NodeExchange.sumTag + bucket,
          list: arrivals[bucket])
        index += 1
      }
    }
  }

  /// Where a sum of this rank's slice of `bucket` arrives.
  private func inbox(_ index: Int, _ bucket: Int) -> UnsafeMutableRawBufferPointer {
    if let compressor { return compressor.inbox(index, bucket: bucket) }
    let count = division.elements(of: division.slices[bucket][position]).count
    return UnsafeMutableRawBufferPointer(
      UnsafeMutableBufferPointer(start: inboxes[index].pointer + inboxStarts[bucket], count: count))
  }

  /// The node's sums of the slices whose owners this rank serves.
  private func sendSums(_ bucket: Int) throws {
    sentCount += 1
    if lowRank != nil { return }
    if mode == .fast { return try startSums(bucket) }
    for (receiver, owner) in exchange.served.enumerated() {
      let slice = division.slices[bucket][owner]
      for block in slice { addNode(block) }
      let elements = division.elements(of: slice)
      for (sum, slot) in plan.sumSlots.enumerated() {
        let plain = UnsafeRawBufferPointer(
          UnsafeBufferPointer(
            start: arena.gradientSlots[slot] + elements.lowerBound, count: elements.count))
        try exchange.send(
          compressor?.encode(sum: sum, bucket: bucket, receiver: receiver) ?? plain, to: owner,
          tag: NodeExchange.sumTag + bucket)
      }
    }
  }

  /// The same by `MPI_Ireduce`, this rank's own slices included.
  private func startSums(_ bucket: Int) throws {
    let local = position - division.topology.nodes[exchange.nodeIndex].lowerBound
    for (node, ranks) in division.topology.nodes.enumerated() {
      let slice = division.slices[bucket][ranks.lowerBound + local]
      if slice.isEmpty { continue }
      for block in slice { addNode(block) }
      let elements = division.elements(of: slice)
      let sum = arena.gradientSlots[0] + elements.lowerBound
      // A node without leaves adds nothing.
      if plan.sumSlots.isEmpty { sum.update(repeating: 0, count: elements.count) }
      try exchange.startSum(
        UnsafeBufferPointer(start: sum, count: elements.count),
        on: node, into: inboxes[0].pointer + inboxStarts[bucket], list: arrivals[bucket])
    }
  }

  /// The node's own sums of a block.
  private func addNode(_ block: Int) {
    for addition in plan.nodeAdditions { add(addition, division.blocks[block], inboxOffset: 0) }
  }

  /// Puts the sums of all nodes into the first slot of each, by factors.
  private func exchangeFactors(_ lowRank: LowRankExchange) throws {
    for block in lowRank.blocks {
      addNode(block)
      // A node without leaves adds nothing.
      if plan.sumSlots.isEmpty {
        let range = division.blocks[block]
        (arena.gradientSlots[0] + range.lowerBound).update(repeating: 0, count: range.count)
      }
    }
    try lowRank.sum()
    arena.barrier()
  }

  /// sum = left + right, or left alone, left to who has more to do in the same pass. `sum` may be
  /// either of them.
  package struct LastAddition {
    package let sum: UnsafeMutablePointer<Float>
    package let left: UnsafePointer<Float>
    package let right: UnsafePointer<Float>?
  }

  /// The sum over all leaves of each block of this rank's slices. Behind a meeting of all ranks.
  ///
  /// - Parameters:
  ///   - keeps: whether the sums stay for `visitKept` (a global norm must be known first); they
  ///     then lie in the first slot, which nobody else reads in this slice.
  ///   - body: block number, the block's elements in the arena, and its sum but for the last
  ///     addition, which has a place to go to.
  ///   - didFinish: called behind the last block of each bucket.
  package func reduceSlices(
    keeps: Bool, _ body: (Int, Range<Int>, LastAddition) -> Void,
    didFinish: (_ bucket: Int) throws -> Void = { _ in }
  ) throws {
    try sendRest()
    compressor?.keepErrors()
    if let lowRank { try exchangeFactors(lowRank) }
    for bucket in division.buckets.indices {
      let slice = division.slices[bucket][position]
      try exchange.wait(for: arrivals[bucket])
      let inboxOffset = inboxStarts[bucket] - division.elements(of: slice).lowerBound
      for block in slice {
        let range = division.blocks[block]
        compressor?.decode(block: block, bucket: bucket)
        for addition in plan.additions.dropLast() { add(addition, range, inboxOffset: inboxOffset) }
        let last = plan.additions.last
        let target = keeps ? ReductionPlan.Place.slot(0) : last?.target ?? plan.result
        body(
          block, range,
          LastAddition(
            sum: address(target, range, inboxOffset: inboxOffset),
            left: address(last?.left ?? plan.result, range, inboxOffset: inboxOffset),
            right: last.map { address($0.right, range, inboxOffset: inboxOffset) }))
      }
      try didFinish(bucket)
    }
  }

  /// The blocks of this rank's slices as `reduceSlices(keeps: true)` left them.
  package func visitKept(
    _ body: (Int, Range<Int>, UnsafeMutablePointer<Float>) -> Void,
    didFinish: (_ bucket: Int) throws -> Void
  ) rethrows {
    for bucket in division.buckets.indices {
      for block in division.slices[bucket][position] {
        let range = division.blocks[block]
        body(block, range, arena.gradientSlots[0] + range.lowerBound)
      }
      try didFinish(bucket)
    }
  }

  /// Lets a step's sums arrive and forgets them: its update is skipped.
  package func discard() throws {
    try sendRest()
    for list in arrivals { try exchange.wait(for: list) }
  }

  /// What compression has left out so far is lost.
  package func forgetErrors() {
    compressor?.forgetErrors()
    lowRank?.forget()
  }

  private func add(_ addition: ReductionPlan.Addition, _ range: Range<Int>, inboxOffset: Int) {
    ck_add(
      address(addition.target, range, inboxOffset: inboxOffset),
      address(addition.left, range, inboxOffset: inboxOffset),
      address(addition.right, range, inboxOffset: inboxOffset), range.count)
  }

  private func address(
    _ place: ReductionPlan.Place, _ range: Range<Int>, inboxOffset: Int
  ) -> UnsafeMutablePointer<Float> {
    switch place {
    case .slot(let slot): arena.gradientSlots[slot] + range.lowerBound
    case .inbox(let index):
      compressor?.decoded[index].pointer
        ?? inboxes[index].pointer + (inboxOffset + range.lowerBound)
    case .temporary(let index): temporaries.pointer + index * blockLength
    }
  }
}
