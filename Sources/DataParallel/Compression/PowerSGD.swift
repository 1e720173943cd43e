package import Basics
import CKernels

/// A node's sums of gradients as products of two thin factors, with error feedback (Vogels,
/// Karimireddy, Jaggi, "PowerSGD", arXiv 1905.13727, algorithms 1 and 2; PyTorch's `powerSGD_hook`).
///
/// One step of the power method a training step. With M[w] = (node w's sum) + E[w], [rows, columns]:
///
///     P = Σ M[w] Q              first message; Q is that of the step before
///     P̂ = orthonormal P
///     Q = Σ M[w]ᵀ P̂             second message
///     E[w] = M[w] − P̂ (M[w]ᵀ P̂)ᵀ
///
/// and P̂ Qᵀ = P̂ P̂ᵀ Σ M[w] is the step's gradient on every node: Σ of what is delivered = Σ of the
/// sums − Σ E. A gradient of no higher rank than the factors' is reproduced at once. Vectors, and
/// matrices that factors would not shorten, travel whole in the first message.
///
/// All here is one rank's own work on its share of the tensors; between the calls the messages are
/// replaced by their sums over the nodes.
package final class PowerSGD {
  /// Whole tensors and P.
  package let first: AlignedBuffer<Float>
  /// Q; between steps that of the last one, from which the next begins.
  package let second: AlignedBuffer<Float>
  private let plan: LowRankPlan
  /// The node's sums, laid out like the parameters; in the end what all nodes' sum is taken for.
  private let sums: UnsafeMutablePointer<Float>
  private let errors: AlignedBuffer<Float>
  private let process: GramSchmidt

  package init(
    _ tensors: [TensorShape], rank: Int, topology: Topology, position: Int,
    sums: UnsafeMutablePointer<Float>
  ) {
    plan = LowRankPlan(tensors, rank: rank, topology: topology, position: position)
    self.sums = sums
    first = AlignedBuffer(count: plan.firstCount)
    second = AlignedBuffer(count: plan.secondCount)
    errors = AlignedBuffer(count: plan.errorCount)
    process = GramSchmidt(longest: plan.matrices.map(\.shape.rows).max() ?? 0)
  }

  /// Private bytes of a rank, with a message from every other node.
  static func byteCount(
    _ tensors: [TensorShape], rank: Int, topology: Topology, position: Int
  ) -> Int {
    let plan = LowRankPlan(tensors, rank: rank, topology: topology, position: position)
    let messages = plan.firstCount + plan.secondCount
    let inbox = (topology.nodes.count - 1) * max(plan.firstCount, plan.secondCount)
    return (messages + inbox + plan.errorCount) * 4
  }

  /// The parameters' elements that this rank works on.
  package var elements: [Range<Int>] { plan.tensors }

  /// The node's sums are there: writes the first message.
  package func writeFirst() {
    var end = 0
    for tensor in plan.whole {
      (first.pointer + end).update(from: sums + tensor.lowerBound, count: tensor.count)
      end += tensor.count
    }
    for matrix in plan.matrices {
      let (m, shape) = (sums + matrix.parameters.lowerBound, matrix.shape)
      ck_add(m, m, errors.pointer + matrix.error, shape.elements.count)
      drawMissing(matrix)
      ck_project_rows(
        m, second.pointer + matrix.column, first.pointer + matrix.row, shape.rows, shape.columns,
        matrix.rank)
    }
  }

  /// The first message is that of all nodes: writes the second, and keeps what it leaves out.
  package func writeSecond() {
    var end = 0
    for tensor in plan.whole {
      (sums + tensor.lowerBound).update(from: first.pointer + end, count: tensor.count)
      end += tensor.count
    }
    for matrix in plan.matrices {
      let (m, shape) = (sums + matrix.parameters.lowerBound, matrix.shape)
      let (p, q) = (first.pointer + matrix.row, second.pointer + matrix.column)
      process.orthonormalize(p, count: shape.rows, vectors: matrix.rank)
      ck_project_columns(m, p, q, shape.rows, shape.columns, matrix.rank)
      let error = errors.pointer + matrix.error
      error.update(from: m, count: shape.elements.count)
      ck_deflate(p, q, error, shape.rows, shape.columns, matrix.rank)
    }
  }

  /// The second message is that of all nodes: multiplies the factors out.
  package func expand() {
    for matrix in plan.matrices {
      ck_expand(
        first.pointer + matrix.row, second.pointer + matrix.column,
        sums + matrix.parameters.lowerBound, matrix.shape.rows, matrix.shape.columns, matrix.rank)
    }
  }

  /// Begins anew: E = 0, and Q is drawn.
  package func forget() {
    errors.elements.update(repeating: 0)
    second.elements.update(repeating: 0)
  }

  /// Columns of Q that are zero find nothing: the first ones, and those of a gradient that had less
  /// than full rank. The same numbers on every node.
  private func drawMissing(_ matrix: LowRankPlan.Matrix) {
    let columns = matrix.shape.columns
    for vector in 0..<matrix.rank {
      let q = second.pointer + matrix.column + vector * columns
      guard ck_sum_squares(q, columns) == 0 else { continue }
      let random = Philox(
        seed: UInt64(vector), purpose: .lowRank, stream: UInt64(matrix.parameters.lowerBound))
      for element in 0..<columns { q[element] = random.normal(UInt64(element)) }
    }
  }
}
