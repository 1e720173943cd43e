/// The one order in which the leaves of a step are added, whatever ranks computed them.
///
/// Pairs inside groups of `groupSize` leaves, then pairs over the groups; an odd last node moves
/// up unchanged. Nodes 0 ..< leafCount are the leaves; a parent comes after its children.
package struct CanonicalTree: Sendable, Equatable {
  package struct Node: Sendable, Equatable {
    package let leaves: Range<Int>
    /// Nil for a leaf.
    package let children: Children?
  }

  package struct Children: Sendable, Equatable {
    package let left: Int
    package let right: Int
  }

  package let leafCount: Int
  package let groupSize: Int
  package let nodes: [Node]

  /// - Parameters: both at least 1; the last group may be smaller.
  package init(leafCount: Int, groupSize: Int) {
    precondition(leafCount >= 1 && groupSize >= 1, "a tree has at least one leaf")
    self.leafCount = leafCount
    self.groupSize = groupSize
    var nodes = (0..<leafCount).map { Node(leaves: $0..<($0 + 1), children: nil) }
    /// Pairs `level` up to a single node and returns it.
    func pairUp(_ level: [Int]) -> Int {
      var level = level
      while level.count > 1 {
        var next: [Int] = []
        for pair in stride(from: 0, to: level.count - 1, by: 2) {
          let (left, right) = (level[pair], level[pair + 1])
          nodes.append(
            Node(
              leaves: nodes[left].leaves.lowerBound..<nodes[right].leaves.upperBound,
              children: Children(left: left, right: right)))
          next.append(nodes.count - 1)
        }
        if level.count % 2 == 1, let last = level.last { next.append(last) }
        level = next
      }
      return level[0]
    }
    let groups = stride(from: 0, to: leafCount, by: groupSize).map { start in
      pairUp(Array(start..<min(start + groupSize, leafCount)))
    }
    root = pairUp(groups)
    self.nodes = nodes
  }

  package let root: Int

  /// The fewest nodes whose leaves are exactly `run`, from left to right.
  package func maximalSubtrees(of run: Range<Int>) -> [Int] {
    var result: [Int] = []
    func descend(_ index: Int) {
      let node = nodes[index]
      if node.leaves.clamped(to: run).isEmpty { return }
      if run.lowerBound <= node.leaves.lowerBound && node.leaves.upperBound <= run.upperBound {
        result.append(index)
      } else if let children = node.children {
        descend(children.left)
        descend(children.right)
      }
    }
    if !run.isEmpty { descend(root) }
    return result
  }

  /// The additions that lead from published nodes to `target`, children first.
  ///
  /// - Parameters:
  ///   - published: nodes whose leaves partition all leaves of `target`.
  ///   - target: the root where it is nil.
  package func additions(
    from published: [Int], to target: Int? = nil
  ) -> [(node: Int, left: Int, right: Int)] {
    let given = Set(published)
    var result: [(node: Int, left: Int, right: Int)] = []
    func ascend(_ index: Int) {
      if given.contains(index) { return }
      guard let children = nodes[index].children else {
        preconditionFailure("nobody publishes leaf \(index)")
      }
      ascend(children.left)
      ascend(children.right)
      result.append((index, children.left, children.right))
    }
    ascend(target ?? root)
    return result
  }

  /// How many gradient buffers computing `node` needs beside its own slot.
  package func scratchDepth(of node: Int) -> Int {
    guard let children = nodes[node].children else { return 0 }
    return max(scratchDepth(of: children.left), 1 + scratchDepth(of: children.right))
  }

  /// Sums one number a leaf in tree order. `values` has room for `nodes.count` numbers and holds
  /// the leaves' first; the rest is overwritten.
  package func sum(_ values: UnsafeMutablePointer<Double>) -> Double {
    for (index, node) in nodes.enumerated() {
      guard let children = node.children else { continue }
      values[index] = values[children.left] + values[children.right]
    }
    return values[root]
  }
}
