/// Which leaves and which slice of the parameters each rank has. Plain integers: no MPI.
package struct WorkDivision: Sendable, Equatable {
  package let rankCount: Int
  package let tree: CanonicalTree
  /// Published subtrees of each rank, left to right; empty for a rank without leaves.
  package let subtrees: [[Int]]
  /// The blocks each rank updates; borders are block borders, sizes equal to a block.
  package let slices: [Range<Int>]
  /// Element ranges of the blocks.
  package let blocks: [Range<Int>]

  /// - Parameters:
  ///   - rankCount: ranks in (node, local rank) order.
  ///   - blocks: the parameter blocks in arena order.
  package init(rankCount: Int, tree: CanonicalTree, blocks: [Range<Int>]) {
    self.rankCount = rankCount
    self.tree = tree
    self.blocks = blocks
    subtrees = (0..<rankCount).map { rank in
      tree.maximalSubtrees(of: WorkDivision.share(tree.leafCount, rank: rank, of: rankCount))
    }
    let total = blocks.last?.upperBound ?? 0
    var borders = (0...rankCount).map { rank in
      // The first block that starts at or after this rank's even share of the elements.
      blocks.firstIndex { $0.lowerBound * rankCount >= total * rank } ?? blocks.count
    }
    borders[0] = 0
    borders[rankCount] = blocks.count
    slices = (0..<rankCount).map { borders[$0]..<max(borders[$0], borders[$0 + 1]) }
  }

  /// A contiguous share of `count` things; the first `count % ranks` ranks have one more.
  package static func share(_ count: Int, rank: Int, of ranks: Int) -> Range<Int> {
    let (size, extra) = (count / ranks, count % ranks)
    let start = rank * size + min(rank, extra)
    return start..<(start + size + (rank < extra ? 1 : 0))
  }

  package func leaves(of rank: Int) -> Range<Int> {
    WorkDivision.share(tree.leafCount, rank: rank, of: rankCount)
  }

  /// All published nodes with their slot numbers, in leaf order.
  package var published: [Int] { subtrees.flatMap { $0 } }

  /// The first slot of `rank`.
  package func firstSlot(of rank: Int) -> Int { subtrees[..<rank].reduce(0) { $0 + $1.count } }

  /// The positions of leaf `leaf` in a batch of `count` samples: ⌊i·b/V⌋ ..< ⌊(i+1)·b/V⌋.
  package func samples(ofLeaf leaf: Int, batch count: Int) -> Range<Int> {
    leaf * count / tree.leafCount..<(leaf + 1) * count / tree.leafCount
  }
}
