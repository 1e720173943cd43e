import CKernels
import Glibc
package import MPI

/// The ranks of the job as the trainer sees them: the world, and this host's share of it.
package final class RankGroup {
  package let world: Communicator
  package let node: Communicator
  package let topology: Topology
  /// The name of each node's host.
  package let hosts: [String]
  /// This rank in (node, local rank) order.
  package let position: Int
  /// The number of this rank's node.
  package let nodeIndex: Int
  /// What every rank says of itself, by position; those of other nodes as last exchanged.
  package let statuses: UnsafeMutablePointer<RankStatus>
  package let own: UnsafeMutablePointer<RankStatus>
  package let watchdog: Watchdog
  /// Of this node's ranks. One at a time waits there: whatever they share, they meet in one order.
  let nodeBarrier: ck_barrier
  /// In the order of their making, which is the same on every rank.
  var segments: [SharedSegment]
  package var rank: Int { world.rank }
  package var size: Int { world.size }
  package var nodeCount: Int { topology.nodes.count }
  package var isFirst: Bool { world.rank == 0 }

  /// Collective: every rank of `world`.
  package init(world: consuming Communicator, watchdog: Watchdog) throws {
    let node = try world.splitByNode()
    // A node is known by the lowest world rank on it.
    let leader = try node.broadcast(value: Int(world.rank))
    let topology = Topology(
      leaders: try world.allgather(value: leader),
      localRanks: try world.allgather(value: node.rank))
    guard let position = topology.ranks.firstIndex(of: world.rank) else {
      preconditionFailure("rank \(world.rank) stands on no node")
    }
    let nodeIndex = topology.node(of: position)
    let hosts = try RankGroup.hostNames(of: topology, on: world)
    // The claim's cache lines, then the statuses, then the barrier's lines.
    let size = MemoryLayout<RankStatus>.stride
    let arrivals = (1 + world.size) * size
    let segment = try SharedSegment(
      on: node, byteCount: arrivals + node.size * MemoryLayout<ck_arrivals>.stride,
      purpose: "the control block")
    let statuses = (segment.base + size).bindMemory(to: RankStatus.self, capacity: world.size)
    nodeBarrier = ck_barrier(
      arrivals: (segment.base + arrivals).bindMemory(to: ck_arrivals.self, capacity: node.size),
      participants: UInt32(node.size), own: UInt32(node.rank))
    own = statuses + position
    own.pointee.rank = Int32(world.rank)
    own.pointee.process = getpid()
    own.enter(.starting)
    watchdog.attach(
      Watchdog.Board(
        statuses: statuses, positions: topology.nodes[nodeIndex], own: position,
        host: hosts[nodeIndex],
        otherHosts: hosts.indices.filter { $0 != nodeIndex }.map { hosts[$0] },
        claim: segment.base.bindMemory(to: UInt32.self, capacity: 1)))
    segments = [segment]
    self.statuses = statuses
    self.watchdog = watchdog
    self.position = position
    self.nodeIndex = nodeIndex
    self.hosts = hosts
    self.topology = topology
    self.world = world
    self.node = node
  }

  private static func hostNames(
    of topology: Topology, on world: borrowing Communicator
  ) throws(MPIError) -> [String] {
    let own = Array(MPIRuntime.processorName.utf8)
    var names: [String] = []
    for node in topology.nodes {
      let bytes = try world.broadcast(bytes: own, root: topology.ranks[node.lowerBound])
      names.append(String(decoding: bytes, as: UTF8.self))
    }
    return names
  }

  /// How much of the gradients travels between nodes together. Smaller buckets cost more messages,
  /// larger ones leave less to hide behind backward.
  package static let bucketMebibytes = 4

  func register(_ segment: SharedSegment) { segments.append(segment) }
}
