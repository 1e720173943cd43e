import Basics

/// Where the blocks of one array of state lie on a node: only those that its ranks update, bucket
/// after bucket, so that memory divides by the number of nodes (ZeRO stage 1, arXiv 1910.02054).
///
/// On one node, and for an array that every node needs whole, a block lies where its parameters do.
package struct StateLayout: Sendable, Equatable {
  /// Elements of the array.
  package let count: Int
  /// Where each block begins; −1 for a block that another node updates.
  package let starts: [Int]

  /// Of an array that lies whole on the node, as the parameters do.
  /// - Parameter count: elements of the parameters, padding included.
  package init(blocks: [Range<Int>], count: Int) {
    self.count = count
    starts = blocks.map(\.lowerBound)
  }

  /// Of an array of which each node has what its ranks update.
  package init(_ division: WorkDivision, node: Int, parameterCount: Int) {
    if division.topology.nodes.count == 1 {
      count = parameterCount
      starts = division.blocks.map(\.lowerBound)
      return
    }
    var starts = division.blocks.map { _ in -1 }
    var end = 0
    for slices in division.slices {
      for slice in slices[division.topology.nodes[node]] {
        // On a cache line, as slices of the parameters are.
        end = end.roundedUp(to: 16)
        let elements = division.elements(of: slice)
        for block in slice {
          starts[block] = end + division.blocks[block].lowerBound - elements.lowerBound
        }
        end += elements.count
      }
    }
    count = end
    self.starts = starts
  }

  /// Whether all of the array is here.
  var isWhole: Bool { !starts.contains(-1) }

  /// Where a slice's elements lie, if its blocks are here.
  package func elements(of slice: Range<Int>, _ division: WorkDivision) -> Range<Int> {
    guard let first = slice.first, starts[first] >= 0 else { return 0..<0 }
    return starts[first]..<(starts[first] + division.elements(of: slice).count)
  }
}
