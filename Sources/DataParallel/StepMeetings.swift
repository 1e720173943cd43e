import MPI

/// The points of a step where the ranks of a `StepTeam` meet. Each call is collective: every rank of
/// the team.
///
/// On one node there is nothing to exchange, a small step would notice the calls, and what is left
/// is the node's barrier.
package final class StepMeetings {
  package let team: StepTeam
  package let arena: NodeArena
  package let exchange: NodeExchange
  private let sections: StepSections

  /// - Parameter exchange: between the nodes of the team.
  package init(arena: NodeArena, team: StepTeam, exchange: NodeExchange) {
    self.team = team
    self.arena = arena
    self.exchange = exchange
    sections = StepSections(arena, team.division)
  }

  /// What every rank says about a step is known to all: the directive, statuses, leaf sums. The
  /// gradient slots of the node are filled.
  package func gatherVotes() throws {
    if exchange.hasPeers {
      try exchange.startSharing(sections.words.directive)
      try exchange.startSharing(sections.words.statuses)
      try exchange.startSharing(sections.leaves)
      try exchange.wait()
    }
    arena.barrier()
  }

  /// Every block's sums are known to all.
  package func gatherBlockSums() throws {
    if exchange.hasPeers { try exchange.share(sections.blocks) }
    arena.barrier()
  }

  /// This rank's slice of `bucket` is final: it starts on its way to the other nodes. In the
  /// order of the buckets.
  package func startSharingParameters(bucket: Int) throws {
    if exchange.hasPeers { try exchange.startSharing(sections.parameters[bucket]) }
  }

  /// All parameters are there, and the block sums with them: the wait for these is for everything
  /// that was under way.
  package func gatherParameters() throws { try gatherBlockSums() }
}
