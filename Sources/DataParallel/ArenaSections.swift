import Basics

/// The parts of the window that every node has and every rank owns a piece of.

/// What ranks say to each other.
struct WordSections {
  /// What rank 0 tells all.
  let directive: SharedSection
  let statuses: SharedSection

  init(_ arena: NodeArena, ranks: Int) {
    directive = SharedSection(
      base: arena.directiveBase,
      owned: (0..<ranks).map { $0 == 0 ? [0..<NodeArena.directiveBytes] : [] })
    statuses = SharedSection(
      base: arena.statuses, owned: (0..<ranks).map { owned(RankStatus.self, $0..<($0 + 1)) })
  }
}

/// What travels in a step.
struct StepSections {
  let words: WordSections
  let leaves: SharedSection
  let blocks: SharedSection
  /// One a bucket: each rank's slice of it.
  let parameters: [SharedSection]

  init(_ arena: NodeArena, _ division: WorkDivision) {
    let ranks = 0..<division.rankCount
    words = WordSections(arena, ranks: division.rankCount)
    leaves = SharedSection(
      base: arena.leaves,
      owned: ranks.map { owned(NodeArena.LeafSums.self, division.leaves(of: $0)) })
    blocks = SharedSection(
      base: arena.blocks,
      owned: ranks.map { rank in
        division.slices.flatMap { owned(NodeArena.BlockSums.self, $0[rank]) }
      })
    parameters = division.slices.map { slices in
      SharedSection(
        base: arena.parameters,
        owned: ranks.map { owned(Float.self, division.elements(of: slices[$0])) })
    }
  }
}

/// What travels between steps.
struct RunSections {
  let words: WordSections
  /// One a state array; of the ranks of other nodes only where the array is whole.
  let state: [SharedSection]
  /// Each rank's slices in bytes of a whole array.
  let slices: [[Range<Int>]]
  /// The whole parameters, cut evenly over the ranks of each node.
  let wholeParameters: SharedSection

  init(_ arena: NodeArena, _ division: WorkDivision) {
    let ranks = 0..<division.rankCount
    words = WordSections(arena, ranks: division.rankCount)
    slices = ranks.map { rank in
      division.slices.flatMap { owned(Float.self, division.elements(of: $0[rank])) }
    }
    state = zip(arena.state, arena.sizes.state).map { base, layout in
      SharedSection(
        base: base,
        owned: ranks.map { rank in
          division.slices.flatMap { owned(Float.self, layout.elements(of: $0[rank], division)) }
        })
    }
    wholeParameters = SharedSection(
      base: arena.parameters,
      owned: division.topology.nodes.flatMap { node in
        node.indices.map {
          owned(
            Float.self,
            evenShare(
              arena.sizes.parameters, rank: $0 - node.lowerBound, of: node.count))
        }
      })
  }
}

/// A range of elements in bytes, where it is not empty.
private func owned<Element>(_ type: Element.Type, _ range: Range<Int>) -> [Range<Int>] {
  let stride = MemoryLayout<Element>.stride
  return range.isEmpty ? [] : [range.lowerBound * stride..<range.upperBound * stride]
}
