/// A parameter of the arena as a matrix [rows, columns]: [out, rest]; one row for a vector.
package struct TensorShape: Sendable {
  package let elements: Range<Int>
  package let rows: Int
  package var columns: Int { elements.count / rows }

  package init(elements: Range<Int>, rows: Int) {
    precondition(elements.count % rows == 0, "a matrix is \(rows) whole rows")
    self.elements = elements
    self.rows = rows
  }
}

/// What one rank sends of a gradient of low rank: factors of its matrices, all of what is not worth
/// factoring. The tensors are dealt over the ranks of a node, to the same local ranks on every node.
struct LowRankPlan {
  struct Matrix {
    let shape: TensorShape
    let rank: Int
    /// Where it begins in the first message (P [rank, rows]), the second (Q [rank, columns]) and
    /// among the errors ([rows, columns]).
    let row: Int
    let column: Int
    let error: Int
    var parameters: Range<Int> { shape.elements }
  }

  let matrices: [Matrix]
  /// Sent as they are, one behind another, in front of the first message.
  let whole: [Range<Int>]
  let firstCount: Int
  let secondCount: Int
  let errorCount: Int
  /// Everything that this rank sends for its node.
  var tensors: [Range<Int>] { whole + matrices.map(\.parameters) }

  init(_ tensors: [TensorShape], rank: Int, topology: Topology, position: Int) {
    let own = LowRankPlan.share(tensors, topology, position)
    func vectors(of shape: TensorShape) -> Int { min(rank, shape.rows, shape.columns) }
    func isFactored(_ shape: TensorShape) -> Bool {
      vectors(of: shape) * (shape.rows + shape.columns) < shape.elements.count
    }
    whole = own.filter { !isFactored($0) }.map(\.elements)
    var (first, second, errors) = (whole.reduce(0) { $0 + $1.count }, 0, 0)
    matrices = own.filter(isFactored).map { shape in
      let vectors = vectors(of: shape)
      defer {
        first += vectors * shape.rows
        second += vectors * shape.columns
        errors += shape.elements.count
      }
      return Matrix(shape: shape, rank: vectors, row: first, column: second, error: errors)
    }
    (firstCount, secondCount, errorCount) = (first, second, errors)
  }

  /// Each tensor goes to the local rank that has least so far, of those that every node has.
  private static func share(
    _ tensors: [TensorShape], _ topology: Topology, _ position: Int
  ) -> [TensorShape] {
    let local = position - topology.nodes[topology.node(of: position)].lowerBound
    var loads = Array(repeating: 0, count: topology.nodes.map(\.count).min() ?? 1)
    return tensors.filter { tensor in
      let least = loads.indices.min { loads[$0] < loads[$1] } ?? 0
      loads[least] += tensor.elements.count
      return least == local
    }
  }
}
