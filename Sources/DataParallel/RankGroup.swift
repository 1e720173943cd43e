package import MPI

/// The ranks of the job as the trainer sees them: the world, and this host's share of it.
///
/// `position` counts ranks in (node, local rank) order: leaves and slices follow it, so
/// `--map-by node` changes nothing.
package final class RankGroup {
  package let world: Communicator
  package let node: Communicator
  package let nodeCount: Int
  package let position: Int
  /// In the order of their making, which is the same on every rank.
  var segments: [SharedSegment] = []
  package var rank: Int { world.rank }
  package var size: Int { world.size }
  package var isFirst: Bool { world.rank == 0 }

  /// Collective: every rank of `world`.
  package init(world: consuming Communicator) throws(MPIError) {
    let node = try world.splitByNode()
    // A node is known by the lowest world rank on it.
    let leader = try node.broadcast(value: Int(world.rank))
    let leaders = try world.allgather(value: leader)
    let localRanks = try world.allgather(value: node.rank)
    let own = (leader, node.rank)
    nodeCount = Set(leaders).count
    position = zip(leaders, localRanks).count { $0 < own }
    self.world = world
    self.node = node
  }

  func register(_ segment: SharedSegment) { segments.append(segment) }
}
