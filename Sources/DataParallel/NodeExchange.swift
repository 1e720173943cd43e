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
      let share = WorkDivision.share(count, rank: rank, of: ranks)
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
  private let group: RankGroup
  private let communicator: Communicator
  private let requests = RequestList()
  private let policy: WaitPolicy
  private let topology: Topology
  /// Above it lie the tags of gradient sums, one a bucket: they start at any time.
  static let sumTag = 1
  /// This rank's peer on every other node.
  let peers: [(node: Int, position: Int)]
  /// Positions of other nodes whose peer this rank is.
  let served: [Int]

  /// Collective: every rank.
  package init(group: RankGroup, policy: WaitPolicy) throws {
    self.group = group
    self.policy = policy
    communicator = try group.world.duplicate()
    let topology = group.topology
    self.topology = topology
    let position = group.position
    let others = topology.nodes.indices.filter { $0 != group.nodeIndex }
    peers = others.map { ($0, topology.peer(of: position, on: $0)) }
    served = others.flatMap { topology.nodes[$0] }.filter {
      topology.peer(of: $0, on: group.nodeIndex) == position
    }
  }

  /// Every rank's own bytes of `section` reach every node. Collective.
  package func share(_ section: SharedSection) throws {
    try startSharing(section)
    try wait()
  }

  /// Starts to share; `wait` ends it. Collective, in the same order on every rank.
  package func startSharing(_ section: SharedSection) throws {
    for position in served {
      for range in section.owned[position] {
        try receive(section.base, range, from: position, tag: 0)
      }
    }
    for peer in peers {
      for range in section.owned[group.position] {
        try send(section.base, range, to: peer.position, tag: 0)
      }
    }
  }

  /// Every rank's own bytes of `section` reach the first node. Collective.
  /// - Parameter target: where they are to lie there, if not in `section` itself.
  package func collect(_ section: SharedSection, into target: SharedSection? = nil) throws {
    let whole = target ?? section
    if group.nodeIndex == 0 {
      for position in served {
        for range in whole.owned[position] {
          try receive(whole.base, range, from: position, tag: 0)
        }
      }
      copyOwn(from: section, to: whole)
    } else {
      for range in section.owned[group.position] {
        try send(section.base, range, to: topology.peer(of: group.position, on: 0), tag: 0)
      }
    }
    try wait()
  }

  /// Every rank's own bytes of `section` come from the first node. Collective.
  /// - Parameter source: where they lie there, if not in `section` itself.
  package func fetch(_ section: SharedSection, from source: SharedSection? = nil) throws {
    let whole = source ?? section
    if group.nodeIndex == 0 {
      for position in served {
        for range in whole.owned[position] {
          try send(whole.base, range, to: position, tag: 0)
        }
      }
      copyOwn(from: whole, to: section)
    } else {
      for range in section.owned[group.position] {
        try receive(section.base, range, from: topology.peer(of: group.position, on: 0), tag: 0)
      }
    }
    try wait()
  }

  /// This rank's bytes within its node.
  private func copyOwn(from source: SharedSection, to target: SharedSection) {
    if source.base == target.base { return }
    for (from, to) in zip(source.owned[group.position], target.owned[group.position]) {
      (target.base + to.lowerBound).copyMemory(
        from: source.base + from.lowerBound, byteCount: from.count)
    }
  }

  func send(
    _ base: UnsafeRawPointer, _ range: Range<Int>, to position: Int, tag: Int
  ) throws {
    try requests.send(
      UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count),
      to: topology.ranks[position], tag: tag, on: communicator)
  }

  func receive(
    _ base: UnsafeMutableRawPointer, _ range: Range<Int>, from position: Int, tag: Int,
    into list: RequestList? = nil
  ) throws {
    try (list ?? requests).receive(
      into: UnsafeMutableRawBufferPointer(start: base + range.lowerBound, count: range.count),
      from: topology.ranks[position], tag: tag, on: communicator)
  }

  /// Lets MPI work on what is under way.
  package func progress() throws { _ = try requests.areComplete() }

  /// Waits until everything started has been sent and received.
  package func wait() throws { try wait(for: requests) }

  func wait(for list: RequestList) throws {
    let start = ck_monotonic_ns()
    defer { group.own.pointee.waitNanoseconds &+= ck_monotonic_ns() - start }
    try policy.wait { try list.areComplete() }
  }
}
