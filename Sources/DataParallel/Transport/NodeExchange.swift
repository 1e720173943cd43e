import Basics
import CKernels
import MPI

/// A part of the window that lies on every node and of which every rank owns some bytes.
package struct SharedSection {
  package let base: UnsafeMutableRawPointer
  /// Byte ranges by position; several a rank where it owns a slice of every bucket.
  package let owned: [[Range<Int>]]

  package init(base: UnsafeMutableRawPointer, owned: [[Range<Int>]]) {
    self.base = base
    self.owned = owned
  }

  /// `count` equal things of `stride` bytes, a contiguous share a rank.
  package init(base: UnsafeMutableRawPointer, shares count: Int, stride: Int, ranks: Int) {
    self.base = base
    owned = (0..<ranks).map { rank in
      let share = evenShare(count, rank: rank, of: ranks)
      return [share.lowerBound * stride..<share.upperBound * stride]
    }
  }
}

/// Moves bytes between the windows of the nodes, over all lanes at once.
///
/// Each rank talks only with its peers (`Topology.peer`), straight from window to window. On one
/// node there is no peer, and every call here returns at once: the callers know no difference.
/// What has arrived is seen by the other ranks of the node behind the next `NodeArena.barrier`.
package final class NodeExchange {
  private let communicator: Communicator
  /// One rank of each node, in the order of the nodes, where all have equally many.
  private let lane: Communicator
  private let requests = RequestList()
  private let policy: WaitPolicy
  private let topology: Topology
  private let position: Int
  let nodeIndex: Int
  private let own: UnsafeMutablePointer<RankStatus>
  /// Above it lie the tags of gradient sums, one a bucket: they start at any time.
  static let sumTag = 1
  /// This rank's peer on every other node.
  let peers: [(node: Int, position: Int)]
  let hasPeers: Bool
  /// Positions of other nodes whose peer this rank is.
  let served: [Int]

  /// Between all hosts of the run. Collective: every rank.
  package convenience init(group: RankGroup, policy: WaitPolicy) throws {
    try self.init(
      on: group.world, topology: group.topology, position: group.position, own: group.own,
      policy: policy)
  }

  /// Within one host, where there is nothing to move. Collective: every rank of it.
  package convenience init(hostOf group: RankGroup, policy: WaitPolicy) throws {
    try self.init(
      on: group.node, topology: Topology(ranksOnOneHost: group.node.size),
      position: group.node.rank, own: group.own, policy: policy)
  }

  private init(
    on world: borrowing Communicator, topology: Topology, position: Int,
    own: UnsafeMutablePointer<RankStatus>, policy: WaitPolicy
  ) throws {
    self.topology = topology
    self.position = position
    self.own = own
    self.policy = policy
    let node = topology.node(of: position)
    nodeIndex = node
    communicator = try world.duplicate()
    lane = try world.split(
      color: position - topology.nodes[node].lowerBound, key: position)
    let others = topology.nodes.indices.filter { $0 != node }
    peers = others.map { ($0, topology.peer(of: position, on: $0)) }
    served = topology.served(by: position)
    hasPeers = !peers.isEmpty
  }

  /// Every rank's own bytes of `section` reach every node. Collective.
  package func share(_ section: SharedSection) throws {
    try startSharing(section)
    try wait()
  }

  /// Starts to share; `wait` ends it. Collective, in the same order on every rank.
  package func startSharing(_ section: SharedSection) throws {
    for owner in served {
      for range in section.owned[owner] {
        try receive(section.base, range, from: owner)
      }
    }
    for peer in peers {
      for range in section.owned[position] {
        try send(section.base, range, to: peer.position)
      }
    }
  }

  /// Every other node's copy of this rank's own bytes of `section` arrives in `inboxes`: one a peer,
  /// range after range. Collective.
  func gatherCopies(
    of section: SharedSection, into inboxes: [AlignedBuffer<Float>]
  ) throws {
    for (peer, inbox) in zip(peers, inboxes) {
      var place = UnsafeMutableRawPointer(inbox.pointer)
      for range in section.owned[position] {
        try receive(
          into: UnsafeMutableRawBufferPointer(start: place, count: range.count),
          from: peer.position, tag: 0, list: requests)
        place += range.count
      }
    }
    for owner in served {
      for range in section.owned[owner] { try send(section.base, range, to: owner) }
    }
    try wait()
  }

  /// Every rank's own bytes of `section` reach the first node. Collective.
  /// - Parameter target: where they are to lie there, if not in `section` itself.
  package func collect(_ section: SharedSection, into target: SharedSection? = nil) throws {
    let whole = target ?? section
    if nodeIndex == 0 {
      for owner in served {
        for range in whole.owned[owner] {
          try receive(whole.base, range, from: owner)
        }
      }
      copyOwn(from: section, to: whole)
    } else {
      for range in section.owned[position] {
        try send(section.base, range, to: topology.peer(of: position, on: 0))
      }
    }
    try wait()
  }

  /// Every rank's own bytes of `section` come from the first node. Collective.
  /// - Parameter source: where they lie there, if not in `section` itself.
  package func fetch(_ section: SharedSection, from source: SharedSection? = nil) throws {
    let whole = source ?? section
    if nodeIndex == 0 {
      for owner in served {
        for range in whole.owned[owner] {
          try send(whole.base, range, to: owner)
        }
      }
      copyOwn(from: whole, to: section)
    } else {
      for range in section.owned[position] {
        try receive(section.base, range, from: topology.peer(of: position, on: 0))
      }
    }
    try wait()
  }

  /// This rank's bytes within its node.
  private func copyOwn(from source: SharedSection, to target: SharedSection) {
    if source.base == target.base { return }
    for (from, to) in zip(source.owned[position], target.owned[position]) {
      (target.base + to.lowerBound).copyMemory(
        from: source.base + from.lowerBound, byteCount: from.count)
    }
  }

  private func send(
    _ base: UnsafeRawPointer, _ range: Range<Int>, to position: Int
  ) throws {
    try send(
      UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count), to: position,
      tag: 0)
  }

  func send(_ bytes: UnsafeRawBufferPointer, to position: Int, tag: Int) throws {
    try requests.send(bytes, to: topology.ranks[position], tag: tag, on: communicator)
  }

  private func receive(
    _ base: UnsafeMutableRawPointer, _ range: Range<Int>, from position: Int
  ) throws {
    try receive(
      into: UnsafeMutableRawBufferPointer(start: base + range.lowerBound, count: range.count),
      from: position, tag: 0, list: requests)
  }

  func receive(
    into bytes: UnsafeMutableRawBufferPointer, from position: Int, tag: Int, list: RequestList
  ) throws {
    try list.receive(into: bytes, from: topology.ranks[position], tag: tag, on: communicator)
  }

  /// Starts to add `values` over the ranks of this lane by MPI's own means, for the one on `node`.
  /// Collective: every rank of the lane, in the same order.
  ///
  /// - Parameters:
  ///   - result: where the sum is to lie on that rank.
  ///   - list: what is complete when this rank's part is done, which may take the parts of all the
  ///     others: who waits for it before they have begun waits for ever.
  func startSum(
    _ values: UnsafeBufferPointer<Float>, on node: Int, into result: UnsafeMutableRawBufferPointer,
    list: RequestList
  ) throws {
    let isRoot = node == nodeIndex
    try list.sum(
      values, into: isRoot ? result.baseAddress?.assumingMemoryBound(to: Float.self) : nil,
      root: node, on: lane)
  }

  /// Lets MPI work on what is under way.
  func progress() { communicator.progress() }

  /// Waits until everything started has been sent and received.
  package func wait() throws { try wait(for: requests) }

  func wait(for list: RequestList) throws {
    // On one node a clock's look is what a small step would notice.
    if list.isEmpty { return }
    let start = ck_monotonic_ns()
    defer { own.pointee.waitNanoseconds &+= ck_monotonic_ns() - start }
    try policy.wait { try list.areComplete() }
  }
}
