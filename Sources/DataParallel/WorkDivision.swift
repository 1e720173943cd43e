import Basics

/// Which leaves and which slices of the parameters each rank has. Plain integers: no MPI.
///
/// Slices count over all ranks of the run: each block is updated by exactly one rank, so work and
/// optimizer state divide by the number of nodes too (ZeRO stage 1, arXiv 1910.02054).
package struct WorkDivision: Sendable {
  package let topology: Topology
  package let tree: CanonicalTree
  /// Published subtrees of each rank, left to right; empty for a rank without leaves.
  package let subtrees: [[Int]]
  /// Element ranges of the blocks.
  package let blocks: [Range<Int>]
  /// Runs of blocks that travel between nodes together, in the order backward fills them: last
  /// layers first.
  package let buckets: [Range<Int>]
  /// `slices[bucket][position]`: the blocks each rank reduces and updates. Borders are block
  /// borders, sizes equal to a block.
  package let slices: [[Range<Int>]]
  /// Where the first leaf stands among all leaves of a step's batch, and how many those are.
  private let leafPlace: (first: Int, of: Int)
  package var rankCount: Int { topology.rankCount }

  /// - Parameters:
  ///   - leafPlace: nil where the tree has all leaves of the batch.
  ///   - blocks: the parameter blocks in arena order.
  ///   - bucketElements: the size of a bucket, of the first a quarter, so that it leaves early;
  ///     one for everything where it is nil.
  package init(
    topology: Topology, tree: CanonicalTree, leafPlace: (first: Int, of: Int)? = nil,
    blocks: [Range<Int>], bucketElements: Int? = nil
  ) {
    let rankCount = topology.rankCount
    self.topology = topology
    self.tree = tree
    self.leafPlace = leafPlace ?? (0, tree.leafCount)
    self.blocks = blocks
    subtrees = (0..<rankCount).map { rank in
      tree.maximalSubtrees(of: evenShare(tree.leafCount, rank: rank, of: rankCount))
    }
    buckets = WorkDivision.buckets(blocks, elements: bucketElements)
    slices = buckets.map { WorkDivision.slices(of: $0, blocks: blocks, ranks: rankCount) }
  }

  private static func buckets(_ blocks: [Range<Int>], elements: Int?) -> [Range<Int>] {
    guard let full = elements else { return [blocks.indices] }
    var elements = full / 4
    var result: [Range<Int>] = []
    var end = blocks.count
    while end > 0 {
      let last = blocks[end - 1].upperBound
      let start = blocks[..<end].firstIndex { last - $0.lowerBound <= elements } ?? end - 1
      result.append(min(start, end - 1)..<end)
      end = min(start, end - 1)
      elements = full
    }
    return result
  }

  private static func slices(
    of bucket: Range<Int>, blocks: [Range<Int>], ranks: Int
  ) -> [Range<Int>] {
    guard let first = bucket.first, let last = bucket.last else {
      return Array(repeating: 0..<0, count: ranks)
    }
    let start = blocks[first].lowerBound
    let total = blocks[last].upperBound - start
    var borders = (0...ranks).map { rank in
      // The first block that starts at or after this rank's even share of the elements.
      bucket.first { (blocks[$0].lowerBound - start) * ranks >= total * rank }
        ?? bucket.upperBound
    }
    borders[0] = bucket.lowerBound
    borders[ranks] = bucket.upperBound
    return (0..<ranks).map { borders[$0]..<max(borders[$0], borders[$0 + 1]) }
  }

  package func leaves(of rank: Int) -> Range<Int> {
    evenShare(tree.leafCount, rank: rank, of: rankCount)
  }

  /// The nodes of the tree that the ranks of `node` publish, by slot number, in leaf order.
  package func published(on node: Int) -> [Int] {
    topology.nodes[node].flatMap { subtrees[$0] }
  }

  /// The fewest sums that say all of `node`'s leaves: what it sends to other nodes.
  package func sums(of node: Int) -> [Int] {
    let ranks = topology.nodes[node]
    let (first, last) = (leaves(of: ranks.lowerBound), leaves(of: ranks.upperBound - 1))
    return tree.maximalSubtrees(of: first.lowerBound..<last.upperBound)
  }

  /// The first slot of `rank` in its node's window.
  package func firstSlot(of rank: Int) -> Int {
    let node = topology.nodes[topology.node(of: rank)]
    return subtrees[node.lowerBound..<rank].reduce(0) { $0 + $1.count }
  }

  /// All blocks of `rank`, bucket by bucket.
  package func ownBlocks(of rank: Int) -> [Int] { slices.flatMap { Array($0[rank]) } }

  /// The elements of a slice, with the padding between its parameters.
  package func elements(of slice: Range<Int>) -> Range<Int> {
    guard let first = slice.first, let last = slice.last else { return 0..<0 }
    return blocks[first].lowerBound..<blocks[last].upperBound
  }

  /// Where the slices of `rank` begin when they lie one after another, a bucket each, and how many
  /// elements they have together.
  package func packedSlices(of rank: Int) -> (starts: [Int], count: Int) {
    var count = 0
    let starts = slices.map { slices in
      defer { count += elements(of: slices[rank]).count }
      return count
    }
    return (starts, count)
  }

  /// The positions of leaf `leaf` in a batch of `count` samples: ⌊i·b/V⌋ ..< ⌊(i+1)·b/V⌋.
  package func samples(ofLeaf leaf: Int, batch count: Int) -> Range<Int> {
    let (place, all) = (leafPlace.first + leaf, leafPlace.of)
    return place * count / all..<(place + 1) * count / all
  }

  /// How many values of a batch of `count` samples enter a running statistic: those of the leaves
  /// that have at least two.
  package func statisticCount(valuesPerSample: Int, batch count: Int) -> Int {
    // Leaves have ⌊count / V⌋ samples, and some of them one more.
    let smaller = count / leafPlace.of
    let last = samples(ofLeaf: tree.leafCount - 1, batch: count)
    let samples = last.upperBound - samples(ofLeaf: 0, batch: count).lowerBound
    let extra = samples - smaller * tree.leafCount
    func values(_ samples: Int) -> Int {
      samples * valuesPerSample < 2 ? 0 : samples * valuesPerSample
    }
    return extra * values(smaller + 1) + (tree.leafCount - extra) * values(smaller)
  }
}
