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
  /// In the order of their making, which is the same on every rank.
  var segments: [SharedSegment] = []
  package var rank: Int { world.rank }
  package var size: Int { world.size }
  package var nodeCount: Int { topology.nodes.count }
  package var isFirst: Bool { world.rank == 0 }

  /// Collective: every rank of `world`.
  package init(world: consuming Communicator) throws(MPIError) {
    let node = try world.splitByNode()
    // A node is known by the lowest world rank on it.
    let leader = try node.broadcast(value: Int(world.rank))
    let topology = Topology(
      leaders: try world.allgather(value: leader),
      localRanks: try world.allgather(value: node.rank))
    position = topology.ranks.firstIndex(of: world.rank) ?? 0
    nodeIndex = topology.node(of: position)
    hosts = try RankGroup.hostNames(of: topology, on: world)
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

  func register(_ segment: SharedSegment) { segments.append(segment) }
}
