package import Basics
import MPI

/// The memory of a run: a window of equal layout on every node, and the exchange that keeps the
/// windows alike between steps; within a step that is the business of `StepMeetings`.
///
/// Each call here is a point where all ranks of the run meet, and is collective. On one node the
/// exchange has nothing to send and what is left is the node's barrier.
package final class RunMemory {
  package let arena: NodeArena
  package let exchange: NodeExchange
  private let sections: RunSections

  /// Collective: every rank.
  package init(
    arena: NodeArena, division: WorkDivision, group: RankGroup, policy: WaitPolicy
  ) throws {
    self.arena = arena
    exchange = try NodeExchange(group: group, policy: policy)
    sections = RunSections(arena, division)
  }

  /// What every rank says of itself is known to all.
  package func gatherStatuses() throws {
    try exchange.share(sections.words.statuses)
    arena.barrier()
  }

  /// What rank 0 has written to the directive's place is known to all.
  package func publishDirective() throws {
    try exchange.share(sections.words.directive)
    arena.barrier()
  }

  /// The sums of `count` evaluation chunks are known to all; see `evenShare`.
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

  /// Every slice of the parameters that its owner has filled reaches every node.
  package func shareParameters() throws {
    try exchange.share(SharedSection(base: arena.parameters, owned: sections.slices))
    arena.barrier()
  }

  /// What the other nodes have where this rank's slices are: in `inboxes`, a node each, slice after
  /// slice.
  /// - Parameter array: laid out like the parameters.
  package func gatherCopies(
    of array: UnsafeMutablePointer<Float>, into inboxes: [AlignedBuffer<Float>]
  ) throws {
    try exchange.gatherCopies(
      of: SharedSection(base: array, owned: sections.slices), into: inboxes)
  }

  /// What rank 0 has read from a file reaches its users: the parameters and whole arrays of state
  /// every node, other state its owners.
  /// - Parameter state: of the first node, as for `collectState`; nil where none was read.
  package func fetchFromFirst(state: [UnsafeMutablePointer<Float>]? = nil) throws {
    arena.barrier()
    try exchange.fetch(sections.wholeParameters)
    for (slot, array) in (state ?? []).enumerated() {
      let section = sections.state[slot]
      try exchange.fetch(section, from: SharedSection(base: array, owned: sections.slices))
      if arena.sizes.state[slot].isWhole { try exchange.share(section) }
    }
    arena.barrier()
  }
}
