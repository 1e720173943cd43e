package import Basics
import COneDNN

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
    let a = Operand(buffer: site.inputs[0], count: count, rows: rows, columns: depth)
    let b = Operand(buffer: site.inputs[1], count: count, rows: depth, columns: columns)
    let c = Operand(buffer: site.output, count: count, rows: rows, columns: columns)
    let forward = try product(a, b, into: c, accumulates: false, site, .forward)
    guard let upstream = site.outputGradient else { return CompiledOperation(forward: [forward]) }
    let dC = Operand(buffer: upstream, count: count, rows: rows, columns: columns)
    var backward: [any Kernel] = []
    if let target = site.inputGradients[0] {
      let dA = Operand(buffer: target.buffer, count: count, rows: rows, columns: depth)
      backward.append(
        try product(dC, b.transposed, into: dA, accumulates: target.accumulates, site, .backward))
    }
    if let target = site.inputGradients[1] {
      let dB = Operand(buffer: target.buffer, count: count, rows: depth, columns: columns)
      backward.append(
        try product(a.transposed, dC, into: dB, accumulates: target.accumulates, site, .backward))
    }
    return CompiledOperation(forward: [forward], backward: backward)
  }

  /// Matrices in a buffer one after another, row-major or seen transposed.
  private struct Operand {
    let buffer: Buffer
    let count: Int
    var rows: Int
    var columns: Int
    var isTransposed = false

    var transposed: Operand {
      Operand(
        buffer: buffer, count: count, rows: columns, columns: rows, isTransposed: !isTransposed)
    }

    func descriptor() throws -> dnnl_memory_desc_t {
      try plainDescriptor(
        [count, rows, columns],
        strides: [rows * columns] + (isTransposed ? [1, rows] : [columns, 1]))
    }
  }

  private func product(
    _ a: Operand, _ b: Operand, into c: Operand, accumulates: Bool, _ site: Site,
    _ during: Site.Scratch
  ) throws -> PrimitiveKernel {
    var (aLayout, bLayout, cLayout) = (
      try a.descriptor(), try b.descriptor(), try c.descriptor()
    )
    var descriptor = dnnl_matmul_desc_t()
    try check(
      "dnnl_matmul_desc_init",
      dnnl_matmul_desc_init(&descriptor, &aLayout, &bLayout, nil, &cLayout))
    var postOperations: dnnl_post_ops_t?
    try check("dnnl_post_ops_create", dnnl_post_ops_create(&postOperations))
    defer { dnnl_post_ops_destroy(postOperations) }
    if accumulates {
      try check("dnnl_post_ops_append_sum", dnnl_post_ops_append_sum(postOperations, 1))
    }
    return try PrimitiveKernel(
      &descriptor, site: site, during: during,
      arguments: [
        .init(index: dt_arg_src(), descriptor: aLayout, buffer: a.buffer),
        .init(index: dt_arg_weights(), descriptor: bLayout, buffer: b.buffer),
        .init(index: dt_arg_dst(), descriptor: cLayout, buffer: c.buffer),
      ], postOperations: postOperations)
  }
}
