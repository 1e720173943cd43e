/// Which ranks share a host. Plain integers: no MPI.
///
/// A rank's *position* counts ranks in (node, local rank) order: leaves and slices follow it, so
/// `--map-by node` changes nothing. World rank 0 is at position 0.
package struct Topology: Sendable, Equatable {
  /// The positions of each node's ranks.
  package let nodes: [Range<Int>]
  /// The world rank at each position.
  package let ranks: [Int]
  package var rankCount: Int { ranks.count }

  /// - Parameters:
  ///   - leaders: the lowest world rank on the node of each world rank.
  ///   - localRanks: each world rank's number on its node.
  package init(leaders: [Int], localRanks: [Int]) {
    ranks = leaders.indices.sorted {
      (leaders[$0], localRanks[$0]) < (leaders[$1], localRanks[$1])
    }
    var nodes: [Range<Int>] = []
    for (position, rank) in ranks.enumerated() {
      if localRanks[rank] == 0 {
        nodes.append(position..<(position + 1))
      } else {
        nodes[nodes.count - 1] = nodes[nodes.count - 1].lowerBound..<(position + 1)
      }
    }
    self.nodes = nodes
  }

  /// `count` ranks on one host.
  package init(ranksOnOneHost count: Int) {
    self.init(
      leaders: Array(repeating: 0, count: count), localRanks: Array(0..<count))
  }

  package func node(of position: Int) -> Int {
    guard let node = nodes.firstIndex(where: { $0.contains(position) }) else {
      preconditionFailure("no node has position \(position)")
    }
    return node
  }

  /// The rank of `node` that talks with `position` of another node: the one of the same local
  /// rank, a *lane*; a smaller node serves several lanes a rank.
  package func peer(of position: Int, on node: Int) -> Int {
    let local = position - nodes[self.node(of: position)].lowerBound
    return nodes[node].lowerBound + local % nodes[node].count
  }

  /// The ranks of other nodes whose peer `position` is, in the order of the nodes.
  package func served(by position: Int) -> [Int] {
    let own = node(of: position)
    return nodes.indices.filter { $0 != own }.flatMap { nodes[$0] }
      .filter { peer(of: $0, on: own) == position }
  }

  /// The size of a bucket in elements; nil where there is one node and nothing travels.
  package func bucketElements(mebibytes: Int = RankGroup.bucketMebibytes) -> Int? {
    nodes.count == 1 ? nil : mebibytes << 18
  }

  /// Ranks of every node, where all have equally many.
  package var ranksPerNode: Int? {
    nodes.allSatisfy { $0.count == nodes[0].count } ? nodes[0].count : nil
  }
}
