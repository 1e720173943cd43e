package import Basics

/// A·B of the last two axes: `[batch, …, M, K]` and `[batch, …, K, N]` → `[batch, …, M, N]`.
/// PyTorch's `matmul` of equal leading axes.
///
///     dA = dC·Bᵀ,  dB = Aᵀ·dC
package struct BatchedProduct: Operation {
  package init() {}

  package let name = "matmul"
  package var backwardReads: BackwardReads { .inputs }

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    let (a, b) = (inputs[0].extents, inputs[1].extents)
    guard a.count >= 3, a.count == b.count, a.dropLast(2) == b.dropLast(2),
      a[a.count - 1] == b[b.count - 2]
    else { throw ShapeMismatch("cannot multiply \(inputs[0]) and \(inputs[1])") }
    return Shape(a.dropLast() + b.suffix(1))
  }

  package func compile(_ site: Site) throws -> CompiledOperation {
    let rank = site.outputShape.rank
    let (rows, columns) = (site.outputShape[rank - 2], site.outputShape[rank - 1])
    let depth = site.inputShapes[0][rank - 1]
    let count = site.outputShape.count / max(1, rows * columns)
    func operand(
      _ buffer: Buffer, _ rows: Int, _ columns: Int, _ during: Site.Scratch
    ) -> (matrix: MatrixOperand, preparation: [any Kernel]) {
      let operand = site.operand(buffer, in: site.engine.precision, during: during)
      return (
        MatrixOperand(operand, count: count, rows: rows, columns: columns), operand.preparation
      )
    }
    func result(_ buffer: Buffer, _ rows: Int, _ columns: Int) -> MatrixOperand {
      MatrixOperand(buffer, count: count, rows: rows, columns: columns)
    }
    let a = operand(site.inputs[0], rows, depth, .forward)
    let b = operand(site.inputs[1], depth, columns, .forward)
    let forward: [any Kernel] =
      a.preparation + b.preparation + [
        try matrixProduct(
          a.matrix, b.matrix, into: result(site.output, rows, columns), site: site,
          during: .forward)
      ]
    guard let upstream = site.outputGradient else { return CompiledOperation(forward: forward) }
    let dC = operand(upstream, rows, columns, .backward)
    var backward = dC.preparation
    if let target = site.inputGradients[0] {
      let b = operand(site.inputs[1], depth, columns, .backward)
      backward += b.preparation
      backward.append(
        try matrixProduct(
          dC.matrix, b.matrix.transposed, into: result(target.buffer, rows, depth),
          accumulates: target.accumulates, site: site, during: .backward))
    }
    if let target = site.inputGradients[1] {
      let a = operand(site.inputs[0], rows, depth, .backward)
      backward += a.preparation
      backward.append(
        try matrixProduct(
          a.matrix.transposed, dC.matrix, into: result(target.buffer, depth, columns),
          accumulates: target.accumulates, site: site, during: .backward))
    }
    return CompiledOperation(forward: forward, backward: backward)
  }
}
