import DataParallel
import Testing

@Suite struct WorkDivisionTests {
  private func division(_ ranks: Int, leaves: Int, blocks: [Range<Int>] = []) -> WorkDivision {
    WorkDivision(
      topology: Topology(ranksOnOneHost: ranks),
      tree: CanonicalTree(leafCount: leaves, groupSize: leaves), blocks: blocks)
  }

  @Test func eightLeavesOnThreeRanks() {
    let division = division(3, leaves: 8)
    #expect((0..<3).map(division.leaves(of:)) == [0..<3, 3..<6, 6..<8])
    #expect(division.subtrees.map(\.count) == [2, 2, 1])
    #expect((0..<3).map(division.firstSlot(of:)) == [0, 2, 4])
    #expect(division.published(on: 0).count == 5)
  }

  @Test(arguments: 1...24) func leavesArePartitioned(_ ranks: Int) {
    for leaves in 1...20 {
      let division = division(ranks, leaves: leaves)
      let runs = (0..<ranks).map(division.leaves(of:))
      #expect(runs.flatMap(Array.init) == Array(0..<leaves))
      let sizes = runs.map(\.count)
      #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
      #expect(sizes == sizes.sorted(by: >))
      for rank in 0..<ranks {
        let nodes = division.subtrees[rank].map { division.tree.nodes[$0].leaves }
        #expect(nodes.flatMap(Array.init) == Array(runs[rank]))
        let before = division.subtrees[..<rank].joined()
        #expect(division.firstSlot(of: rank) == before.count)
        let own = division.published(on: 0).dropFirst(before.count).prefix(nodes.count)
        #expect(Array(own) == division.subtrees[rank])
      }
    }
  }

  /// Parameters of very different sizes, a padded arena, and fewer blocks than ranks.
  static let arenas: [[Range<Int>]] = [
    [0..<5], [0..<4096, 4096..<4100, 4112..<4122], (0..<40).map { ($0 * 4096)..<(($0 + 1) * 4096) },
    [0..<1, 16..<17, 32..<4128, 4128..<8224, 8224..<9000, 9008..<9009], [],
  ]

  @Test(arguments: arenas, 1...17) func slicesPartitionTheBlocks(
    _ blocks: [Range<Int>], ranks: Int
  ) {
    let slices = division(ranks, leaves: 4, blocks: blocks).slices[0]
    #expect(slices.count == ranks)
    #expect(slices.flatMap(Array.init) == Array(blocks.indices))
    let longest = blocks.map(\.count).max() ?? 0
    let share = Double(blocks.last?.upperBound ?? 0) / Double(ranks)
    for slice in slices where !slice.isEmpty {
      let elements = blocks[slice.upperBound - 1].upperBound - blocks[slice.lowerBound].lowerBound
      #expect(Double(elements) <= share + Double(longest) + 16)
    }
  }

  @Test func aNodeSendsOneSumWhereItIsASubtree() {
    func sums(_ sizes: [Int], leaves: Int) -> [Int] {
      let division = WorkDivision(
        topology: Topology(nodes: sizes), tree: CanonicalTree(leafCount: leaves, groupSize: leaves),
        blocks: [])
      return sizes.indices.map { division.sums(of: $0).count }
    }
    #expect(sums([2, 2], leaves: 8) == [1, 1])
    #expect(sums([2, 2, 2, 2], leaves: 8) == [1, 1, 1, 1])
    #expect(sums([3, 1], leaves: 8) == [2, 1])
    #expect(sums([1, 1, 1], leaves: 8) == [2, 2, 1])
    #expect(sums([1, 1, 1], leaves: 2) == [1, 1, 0], "a node without leaves")
  }

  @Test(arguments: [[3, 1], [1, 3], [2, 2, 2], [1, 2, 3]]) func sumsOfNodesAreAllLeaves(
    _ sizes: [Int]
  ) {
    for leaves in 1...17 {
      let division = WorkDivision(
        topology: Topology(nodes: sizes), tree: CanonicalTree(leafCount: leaves, groupSize: leaves),
        blocks: [])
      for node in sizes.indices {
        let published = division.published(on: node)
        func leaves(_ nodes: [Int]) -> [Int] {
          nodes.flatMap { Array(division.tree.nodes[$0].leaves) }
        }
        #expect(leaves(division.sums(of: node)) == leaves(published))
        for rank in division.topology.nodes[node] {
          let own = published.dropFirst(division.firstSlot(of: rank))
          #expect(Array(own.prefix(division.subtrees[rank].count)) == division.subtrees[rank])
        }
      }
    }
  }

  @Test(arguments: arenas, [1, 100, 4096, 10_000, 1 << 20]) func bucketsGoBackwards(
    _ blocks: [Range<Int>], elements: Int
  ) {
    let division = WorkDivision(
      topology: Topology(nodes: [2, 1]), tree: CanonicalTree(leafCount: 3, groupSize: 3),
      blocks: blocks,
      bucketElements: elements)
    #expect(division.buckets.reversed().flatMap(Array.init) == Array(blocks.indices))
    for (bucket, slices) in zip(division.buckets, division.slices) {
      #expect(slices.flatMap(Array.init) == Array(bucket))
      let size = blocks[bucket.upperBound - 1].upperBound - blocks[bucket.lowerBound].lowerBound
      #expect(size <= elements || bucket.count == 1)
    }
    #expect((0..<3).flatMap(division.ownBlocks(of:)).sorted() == Array(blocks.indices))
  }

  /// Each node has room for its own blocks, one behind another, and for no other's.
  @Test(arguments: arenas, [[2, 1], [1, 1, 1, 1], [3]]) func stateOfABlockIsOnOneNode(
    _ blocks: [Range<Int>], nodes: [Int]
  ) {
    let count = blocks.last?.upperBound ?? 0
    let division = WorkDivision(
      topology: Topology(nodes: nodes), tree: CanonicalTree(leafCount: 3, groupSize: 3),
      blocks: blocks,
      bucketElements: nodes.count == 1 ? nil : 10_000)
    let layouts = nodes.indices.map { StateLayout(division, node: $0, parameterCount: count) }
    for block in blocks.indices {
      #expect(layouts.filter { $0.starts[block] >= 0 }.count == 1)
    }
    for (node, layout) in layouts.enumerated() {
      let own = blocks.indices.filter { layout.starts[$0] >= 0 }
      let ranks = division.topology.nodes[node]
      #expect(own == ranks.flatMap(division.ownBlocks(of:)).sorted())
      let places = own.map { layout.starts[$0]..<(layout.starts[$0] + blocks[$0].count) }
        .sorted { $0.lowerBound < $1.lowerBound }
      for (place, next) in zip(places, places.dropFirst()) {
        #expect(place.upperBound <= next.lowerBound)
      }
      #expect(places.last?.upperBound ?? 0 <= layout.count)
      let slices = division.slices.flatMap { $0[ranks] }
      let needed = slices.reduce(0) { $0 + (division.elements(of: $1).count + 15) / 16 * 16 }
      #expect(nodes.count == 1 ? layout.count == count : layout.count <= needed)
      for slice in slices {
        let place = layout.elements(of: slice, division)
        #expect(place.count == division.elements(of: slice).count)
        #expect(slice.isEmpty || place.lowerBound == layout.starts[slice.lowerBound])
        #expect(place.lowerBound % 16 == 0)
      }
    }
  }

  @Test(arguments: [0, 1, 2, 3, 7, 8, 64, 65, 1000]) func samplesPartitionTheBatch(_ batch: Int) {
    for leaves in 1...20 {
      let division = division(1, leaves: leaves)
      let runs = (0..<leaves).map { division.samples(ofLeaf: $0, batch: batch) }
      #expect(runs.flatMap(Array.init) == Array(0..<batch))
      #expect((runs.map(\.count).max() ?? 0) - (runs.map(\.count).min() ?? 0) <= 1)
    }
  }

  /// Accumulating K times is K times as many leaves: its cuts fall on the leaves' own.
  @Test func accumulationCutsInsideLeaves() {
    let (few, many) = (division(1, leaves: 3), division(1, leaves: 12))
    for batch in [3, 10, 64, 65] {
      for leaf in 0..<3 {
        let inner = (0..<4).map { many.samples(ofLeaf: 4 * leaf + $0, batch: batch) }
        #expect(inner.flatMap(Array.init) == Array(few.samples(ofLeaf: leaf, batch: batch)))
      }
    }
  }

  /// What enters a running statistic, leaf by leaf.
  @Test(arguments: [1, 2, 3, 8], [1, 2, 7, 8, 9, 64]) func statisticCount(
    leaves: Int, batch: Int
  ) {
    let division = WorkDivision(
      topology: Topology(ranksOnOneHost: 1),
      tree: CanonicalTree(leafCount: leaves, groupSize: leaves), blocks: [])
    for values in [1, 2, 49] {
      let expected = (0..<leaves).reduce(0) { sum, leaf in
        let count = division.samples(ofLeaf: leaf, batch: batch).count * values
        return count < 2 ? sum : sum + count
      }
      #expect(division.statisticCount(valuesPerSample: values, batch: batch) == expected)
    }
  }
}
