import MPI

/// The memory of a run: a window of equal layout on every node, and the exchange that keeps the
/// windows alike.
///
/// Each call here is a point where all ranks of the run meet, and is collective. On one node the
/// exchange has nothing to send and what is left is the node's barrier.
package final class RunMemory {
  package let arena: NodeArena
  package let exchange: NodeExchange
  private let sections: ArenaSections

  /// Collective: every rank.
  package init(
    arena: NodeArena, division: WorkDivision, group: RankGroup, policy: WaitPolicy
  ) throws {
    self.arena = arena
    exchange = try NodeExchange(group: group, policy: policy)
    sections = ArenaSections(arena, division)
  }

  /// What every rank says about a step is known to all: the directive, statuses, leaf sums. The
  /// gradient slots of the node are filled.
  package func gatherVotes() throws {
    try exchange.startSharing(sections.directive)
    try exchange.startSharing(sections.statuses)
    try exchange.startSharing(sections.leaves)
    try exchange.wait()
    arena.barrier()
  }

  /// Every block's sums are known to all.
  package func gatherBlockSums() throws {
    try exchange.share(sections.blocks)
    arena.barrier()
  }

  /// This rank's slice of `bucket` is final: it starts on its way to the other nodes. In the
  /// order of the buckets.
  package func startSharingParameters(bucket: Int) throws {
    try exchange.startSharing(sections.parameters[bucket])
  }

  /// All parameters and block sums are there, and everything that was under way.
  package func gatherParameters() throws {
    try exchange.share(sections.blocks)
    arena.barrier()
  }

  /// What rank 0 has written to the directive's place is known to all.
  package func publishDirective() throws {
    try exchange.share(sections.directive)
    arena.barrier()
  }

  /// The sums of `count` evaluation chunks are known to all; see `WorkDivision.share`.
  package func gatherChunks(_ count: Int, of ranks: Int) throws {
    let stride = MemoryLayout<NodeArena.LeafSums>.stride
    try exchange.share(
      SharedSection(base: arena.chunks, shares: count, stride: stride, ranks: ranks))
    arena.barrier()
  }

  /// The first node has all optimizer state, so that rank 0 can save it.
  /// - Parameter arrays: of the first node, laid out like the parameters; on one node they may be
  ///   the state itself.
  package func collectState(into arrays: [UnsafeMutablePointer<Float>]) throws {
    for (section, array) in zip(sections.state, arrays) {
      try exchange.collect(section, into: SharedSection(base: array, owned: sections.slices))
    }
    arena.barrier()
  }

  /// One state array, which every node has whole, is complete there.
  package func shareState(_ slot: Int) throws {
    try exchange.share(sections.state[slot])
    arena.barrier()
  }

  /// Every slice that its owner has filled reaches every node.
  package func shareSlices() throws {
    for section in sections.parameters { try exchange.share(section) }
    arena.barrier()
  }

  /// What rank 0 has read from a file reaches its users: the parameters every node, the state
  /// its owners.
  /// - Parameter state: of the first node, as for `collectState`; nil where none was read.
  package func fetchFromFirst(state: [UnsafeMutablePointer<Float>]? = nil) throws {
    arena.barrier()
    try exchange.fetch(sections.wholeParameters)
    for (section, array) in zip(sections.state, state ?? []) {
      try exchange.fetch(section, from: SharedSection(base: array, owned: sections.slices))
    }
    arena.barrier()
  }
}
