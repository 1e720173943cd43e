import DataParallel
import TestSupport
import Testing

@Suite struct CanonicalTreeTests {
  @Test func pairsInsideGroupsThenOverGroups() {
    /// The tree as nested brackets.
    func text(_ tree: CanonicalTree, _ index: Int) -> String {
      guard let children = tree.nodes[index].children else { return "\(index)" }
      return "(\(text(tree, children.left)) \(text(tree, children.right)))"
    }
    let expected = [
      (1, 1, "0"), (2, 2, "(0 1)"), (3, 3, "((0 1) 2)"), (5, 5, "(((0 1) (2 3)) 4)"),
      (6, 6, "(((0 1) (2 3)) (4 5))"), (6, 3, "(((0 1) 2) ((3 4) 5))"),
      (7, 3, "((((0 1) 2) ((3 4) 5)) 6)"), (5, 2, "(((0 1) (2 3)) 4)"), (3, 1, "((0 1) 2)"),
    ]
    for (count, group, brackets) in expected {
      let tree = CanonicalTree(leafCount: count, groupSize: group)
      #expect(text(tree, tree.root) == brackets, "\(count) leaves in groups of \(group)")
    }
  }

  @Test(arguments: 1...20) func everyRunIsPartitioned(_ count: Int) {
    for group in 1...count {
      let tree = CanonicalTree(leafCount: count, groupSize: group)
      #expect(tree.nodes.count == 2 * count - 1)
      for start in 0...count {
        for end in start...count {
          let subtrees = tree.maximalSubtrees(of: start..<end).map { tree.nodes[$0].leaves }
          #expect(subtrees.flatMap(Array.init) == Array(start..<end))
          // Maximal: no other node of the run holds one of them.
          for node in tree.nodes where node.leaves.clamped(to: start..<end) == node.leaves {
            #expect(
              !subtrees.contains {
                $0.count < node.leaves.count && node.leaves.clamped(to: $0) == $0
              })
          }
        }
      }
    }
  }

  /// Whatever subtrees the ranks publish, the sum has the bits of the sum over all leaves.
  @Test(arguments: 1...20) func rankCountDoesNotChangeBits(_ count: Int) {
    let values = (0..<count).map {
      randomValues(7, stream: UInt64($0), scale: Float(1 << ($0 % 9)))
    }
    for group in 1...count {
      let tree = CanonicalTree(leafCount: count, groupSize: group)
      let all = sum(tree, values)
      for ranks in 1...(count + 3) {
        let division = WorkDivision(
          topology: Topology(ranksOnOneHost: ranks), tree: tree, blocks: [])
        var published: [Int: [Float]] = [:]
        for rank in 0..<ranks {
          for node in division.subtrees[rank] { published[node] = fill(tree, node, values) }
        }
        #expect(published.count == division.published(on: 0).count)
        for addition in tree.additions(from: division.published(on: 0)) {
          published[addition.node] = add(published[addition.left], published[addition.right])
        }
        #expect(sameBits(published[tree.root] ?? [], all), "groups of \(group), \(ranks) ranks")
      }
    }
  }

  @Test func orderMatters() {
    let values: [[Float]] = [[1e8], [1], [-1e8], [1]]
    #expect(sum(CanonicalTree(leafCount: 4, groupSize: 4), values) == [0])
    #expect(sum(CanonicalTree(leafCount: 4, groupSize: 1), values) == [0])
    #expect(sum(CanonicalTree(leafCount: 4, groupSize: 3), values) == [1])
  }

  @Test(arguments: 1...40) func scratchIsLogarithmic(_ count: Int) {
    for group in 1...count {
      let tree = CanonicalTree(leafCount: count, groupSize: group)
      for (index, node) in tree.nodes.enumerated() {
        let depth = tree.scratchDepth(of: index)
        let bound = Int.bitWidth - 1 - node.leaves.count.leadingZeroBitCount
        #expect(depth <= bound + 1 && (depth == 0) == (node.children == nil))
      }
    }
  }

  @Test(arguments: [1, 2, 7, 8, 20]) func sumsNumbersInTheSameOrder(_ count: Int) {
    let leaves = randomValues(count, stream: 3)
    for group in 1...count {
      let tree = CanonicalTree(leafCount: count, groupSize: group)
      var values = [Double](repeating: .nan, count: tree.nodes.count)
      for (index, leaf) in leaves.enumerated() { values[index] = Double(leaf) * 1.1 }
      func exact(_ index: Int) -> Double {
        guard let children = tree.nodes[index].children else { return Double(leaves[index]) * 1.1 }
        return exact(children.left) + exact(children.right)
      }
      #expect(tree.sum(&values) == exact(tree.root))
    }
  }

  private func add(_ a: [Float]?, _ b: [Float]?) -> [Float] { zip(a ?? [], b ?? []).map(+) }

  private func fill(_ tree: CanonicalTree, _ index: Int, _ values: [[Float]]) -> [Float] {
    guard let children = tree.nodes[index].children else { return values[index] }
    return add(fill(tree, children.left, values), fill(tree, children.right, values))
  }

  private func sum(_ tree: CanonicalTree, _ values: [[Float]]) -> [Float] {
    var sums = Dictionary(uniqueKeysWithValues: values.enumerated().map { ($0.offset, $0.element) })
    for addition in tree.additions(from: Array(0..<tree.leafCount)) {
      sums[addition.node] = add(sums[addition.left], sums[addition.right])
    }
    return sums[tree.root] ?? []
  }
}
