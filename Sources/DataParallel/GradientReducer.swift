import Basics
import CKernels
import MPI

/// Sums gradients where they lie, in canonical order, one block at a time.
///
/// Contract: behind the barrier that follows `fillSlots`, every rank calls `exchangeSums`, then
/// `reduceSlices`, and until the next barrier nobody writes a slot but in its own slices. The sum
/// of a block is handed, still in cache, to the caller's closure.
///
/// Between nodes each slice's sums travel straight from every node to the slice's owner: a node
/// sends (N−1)/N of a gradient, as recursive halving would, but all messages are under way at
/// once and any tree of additions can be followed. A node whose leaves are no single subtree
/// sends one sum for each of its maximal ones.
package final class GradientReducer {
  /// Where a block's terms and sums lie.
  private enum Place {
    case slot(Int)
    /// What another node has sent.
    case inbox(Int)
    case temporary(Int)
  }
  private typealias Addition = (target: Place, left: Place, right: Place)

  private let arena: NodeArena
  private let division: WorkDivision
  private let exchange: NodeExchange
  private let position: Int
  /// From the own node's slots to the sums that other nodes get, left in the slots `sumSlots`.
  private let nodeAdditions: [Addition]
  private let sumSlots: [Int]
  /// From the own node's slots and the other nodes' sums to the root.
  private let additions: [Addition]
  private let result: Place
  private let temporaries: AlignedBuffer<Float>
  private let blockLength: Int
  private let scratch: [AlignedBuffer<Float>]
  private let ownSlots: [(node: Int, slot: Int)]
  /// One array for each sum of each other node, all of this rank's slices one after another.
  private let inboxes: [AlignedBuffer<Float>]
  /// For each bucket: what fills the inboxes.
  private let arrivals: [RequestList]
  /// For each bucket: where this rank's slice begins in an inbox.
  private let inboxStarts: [Int]

  /// - Parameter position: this rank in (node, local rank) order.
  package init(arena: NodeArena, division: WorkDivision, exchange: NodeExchange, position: Int) {
    self.arena = arena
    self.division = division
    self.exchange = exchange
    self.position = position
    let tree = division.tree
    let node = division.topology.node(of: position)
    let published = division.published(on: node)
    var places: [Int: Place] = [:]
    for (slot, node) in published.enumerated() { places[node] = .slot(slot) }
    var temporaryCount = 0
    func plan(_ steps: [(node: Int, left: Int, right: Int)]) -> [Addition] {
      steps.map { step in
        let target = Place.temporary(temporaryCount)
        temporaryCount += 1
        places[step.node] = target
        return (target, places[step.left] ?? target, places[step.right] ?? target)
      }
    }

    var nodeAdditions: [Addition] = []
    sumSlots = division.sums(of: node).map { sum in
      // The leftmost term's slot has been read when the sum is there.
      let slot =
        published.firstIndex {
          tree.nodes[$0].leaves.lowerBound
            == tree.nodes[sum].leaves.lowerBound
        } ?? 0
      var steps = plan(tree.additions(from: published, to: sum))
      if let last = steps.popLast() { steps.append((.slot(slot), last.left, last.right)) }
      nodeAdditions += steps
      return slot
    }
    self.nodeAdditions = nodeAdditions

    let sent = division.topology.nodes.indices.filter { $0 != node }.flatMap(division.sums(of:))
    for (index, sum) in sent.enumerated() { places[sum] = .inbox(index) }
    additions = plan(tree.additions(from: published + sent))
    result = places[tree.root] ?? .slot(0)
    blockLength = division.blocks.map(\.count).max() ?? 1
    temporaries = AlignedBuffer(count: max(1, temporaryCount) * blockLength)

    let own = division.slices.map { division.elements(of: $0[position]) }
    var total = 0
    inboxStarts = own.map { elements in
      defer { total += elements.count }
      return total
    }
    inboxes = sent.map { _ in AlignedBuffer(count: total) }
    arrivals = division.buckets.map { _ in RequestList() }

    let first = division.firstSlot(of: position)
    ownSlots = division.subtrees[position].enumerated().map { ($0.element, first + $0.offset) }
    let depth = ownSlots.map { tree.scratchDepth(of: $0.node) }.max() ?? 0
    scratch = (0..<depth).map { _ in AlignedBuffer(count: arena.sizes.parameters) }
  }

  /// Private bytes of a rank: scratch of its leaves and what other nodes send.
  package static func byteCount(_ division: WorkDivision, position: Int, parameters: Int) -> Int {
    let node = division.topology.node(of: position)
    let depth = division.subtrees[position].map(division.tree.scratchDepth).max() ?? 0
    let own = division.slices.reduce(0) { $0 + division.elements(of: $1[position]).count }
    let sums = division.topology.nodes.indices.filter { $0 != node }.reduce(0) {
      $0 + division.sums(of: $1).count
    }
    return (depth * parameters + sums * own) * 4
  }

  /// Computes this rank's leaves and leaves one gradient sum a subtree in its slots.
  ///
  /// - Parameter computeLeaf: writes the gradient sum of one leaf into the buffer it is given.
  /// - Returns: whether every leaf's gradient is finite. Leaves are looked at, not their sums, so
  ///   that the answer does not depend on which rank added which.
  package func fillSlots(
    _ computeLeaf: (_ leaf: Int, _ gradient: UnsafeMutablePointer<Float>) throws -> Void
  ) rethrows -> Bool {
    var isFinite = true
    for (node, slot) in ownSlots {
      let target = arena.gradientSlots[slot]
      try fill(node, into: target, depth: 0, &isFinite, computeLeaf)
    }
    return isFinite
  }

  private func fill(
    _ index: Int, into target: UnsafeMutablePointer<Float>, depth: Int, _ isFinite: inout Bool,
    _ computeLeaf: (Int, UnsafeMutablePointer<Float>) throws -> Void
  ) rethrows {
    let node = division.tree.nodes[index]
    if node.isLeaf {
      try computeLeaf(node.leaves.lowerBound, target)
      if ck_all_finite(target, arena.sizes.parameters) == 0 { isFinite = false }
      return
    }
    try fill(node.left, into: target, depth: depth, &isFinite, computeLeaf)
    let right = scratch[depth].pointer
    try fill(node.right, into: right, depth: depth + 1, &isFinite, computeLeaf)
    ck_add(target, target, right, arena.sizes.parameters)
  }

  /// Starts to bring the node's sums of other nodes' slices to their owners, bucket by bucket.
  /// Behind a barrier: all slots of the node are filled. Collective.
  package func exchangeSums() throws {
    for bucket in division.buckets.indices { try receiveSums(bucket) }
    for bucket in division.buckets.indices {
      for owner in exchange.servedPositions { try sendSums(bucket, to: owner) }
    }
  }

  private func receiveSums(_ bucket: Int) throws {
    let count = division.elements(of: division.slices[bucket][position]).count
    var inbox = 0
    for peer in exchange.peerPositions {
      for _ in division.sums(of: peer.node) {
        try exchange.receive(
          inboxes[inbox].pointer + inboxStarts[bucket], 0..<count * 4, from: peer.position,
          tag: bucket, into: arrivals[bucket])
        inbox += 1
      }
    }
  }

  private func sendSums(_ bucket: Int, to owner: Int) throws {
    let slice = division.slices[bucket][owner]
    for block in slice {
      let range = division.blocks[block]
      for addition in nodeAdditions { add(addition, range, inboxOffset: 0) }
    }
    let elements = division.elements(of: slice)
    for slot in sumSlots {
      try exchange.send(
        arena.gradientSlots[slot], elements.lowerBound * 4..<elements.upperBound * 4, to: owner,
        tag: bucket)
    }
  }

  /// sum = left + right, or left alone, left to who has more to do in the same pass. `sum` may be
  /// either of them.
  package struct LastAddition {
    package let sum: UnsafeMutablePointer<Float>
    package let left: UnsafePointer<Float>
    package let right: UnsafePointer<Float>?
  }

  /// The sum over all leaves of each block of this rank's slices.
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
    for bucket in division.buckets.indices {
      let slice = division.slices[bucket][position]
      try exchange.wait(for: arrivals[bucket])
      let inboxOffset = inboxStarts[bucket] - division.elements(of: slice).lowerBound
      for block in slice {
        let range = division.blocks[block]
        for addition in additions.dropLast() { add(addition, range, inboxOffset: inboxOffset) }
        let last = additions.last
        let target = keeps ? Place.slot(0) : last?.target ?? result
        body(
          block, range,
          LastAddition(
            sum: address(target, range, inboxOffset: inboxOffset),
            left: address(last?.left ?? result, range, inboxOffset: inboxOffset),
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

  private func add(_ addition: Addition, _ range: Range<Int>, inboxOffset: Int) {
    ck_add(
      address(addition.target, range, inboxOffset: inboxOffset),
      address(addition.left, range, inboxOffset: inboxOffset),
      address(addition.right, range, inboxOffset: inboxOffset), range.count)
  }

  private func address(
    _ place: Place, _ range: Range<Int>, inboxOffset: Int
  ) -> UnsafeMutablePointer<Float> {
    switch place {
    case .slot(let slot): arena.gradientSlots[slot] + range.lowerBound
    case .inbox(let index): inboxes[index].pointer + (inboxOffset + range.lowerBound)
    case .temporary(let index): temporaries.pointer + index * blockLength
    }
  }
}
