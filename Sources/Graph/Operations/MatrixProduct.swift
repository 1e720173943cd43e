package import Basics
import CKernels
import COneDNN

/// y = act(x·Wᵀ + b): `[…, in]`, W `[out, in]`, b `[out]` → `[…, out]`.
///
/// Weights are read in place, in PyTorch's layout, through strides: measured as fast as blocked
/// ones on oneDNN 2.6 (57–64 µs for 32×784×128, 100–113 GFLOP/s) without a reorder a step. The
/// matmul primitive gives a row the same bits in every batch size and at every thread count,
/// which `dnnl_sgemm` and inner products do not.
///
/// ReLU runs in place right after, not as oneDNN's post-op: that one turns NaN into 0, and a
/// diverged run would go on in silence. Measured, it costs nothing.
///
///     dz = dy ⊙ act′(y),  dx = dz·W,  dW = dzᵀ·x,  db = Σ_rows dz
package struct MatrixProduct: Operation {
  let hasBias: Bool
  /// Only ReLU: its derivative follows from the result.
  let activation: Activation?

  package var name: String { activation.map { "linear + \($0.name)" } ?? "linear" }

  package var backwardReads: BackwardReads { activation == nil ? .inputs : [.inputs, .output] }

  package func fused(with activation: Activation) -> (any Operation)? {
    guard self.activation == nil, activation == .relu else { return nil }
    return MatrixProduct(hasBias: hasBias, activation: activation)
  }

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    let (x, weight) = (inputs[0], inputs[1])
    guard weight.rank == 2 else {
      throw ShapeMismatch("expected a weight [out, in], found \(weight)")
    }
    guard x.rank >= 2, let features = x.extents.last, features == weight[1] else {
      throw ShapeMismatch("expected input […, \(weight[1])], found \(x)")
    }
    if hasBias && inputs[2].extents != [weight[0]] {
      throw ShapeMismatch("expected bias [\(weight[0])], found \(inputs[2])")
    }
    return Shape(x.extents.dropLast() + [weight[0]])
  }

  package func compile(_ site: Site) throws -> CompiledOperation {
    let outputs = site.inputShapes[1][0]
    let inputs = site.inputShapes[1][1]
    let rows = site.outputShape.count / outputs
    let x = Operand(buffer: site.inputs[0], rows: rows, columns: inputs)
    let weight = Operand(buffer: site.inputs[1], rows: outputs, columns: inputs)
    let y = Operand(buffer: site.output, rows: rows, columns: outputs)

    var forward: [any Kernel] = [
      try product(
        x, weight.transposed, into: y, site: site, during: .forward,
        bias: hasBias ? site.inputs[2] : nil)
    ]
    if activation != nil { forward.append(reluInPlace(site.output)) }
    guard let upstream = site.outputGradient else { return CompiledOperation(forward: forward) }

    let dz = Operand(buffer: upstream, rows: rows, columns: outputs)
    var backward: [any Kernel] = []
    if activation != nil {
      backward.append(reluMask(gradient: upstream, output: site.output))
    }
    // In the order of the inputs: where two of them are one tensor, the second one adds.
    if let target = site.inputGradients[0] {
      let dx = Operand(buffer: target.buffer, rows: rows, columns: inputs)
      backward.append(
        try product(
          dz, weight, into: dx, accumulates: target.accumulates, site: site, during: .backward))
    }
    if let target = site.inputGradients[1] {
      let dW = Operand(buffer: target.buffer, rows: outputs, columns: inputs)
      backward.append(
        try product(
          dz.transposed, x, into: dW, accumulates: target.accumulates, site: site,
          during: .backward))
    }
    if hasBias, let target = site.inputGradients[2] {
      let accumulates: Int32 = target.accumulates ? 1 : 0
      backward.append(
        ClosureKernel([upstream, target.buffer]) { pointers in
          ck_column_sums(pointers[0], nil, pointers[1], rows, outputs, accumulates)
        })
    }
    return CompiledOperation(forward: forward, backward: backward)
  }

  /// A matrix in a buffer, row-major or seen transposed.
  private struct Operand {
    let buffer: Buffer
    var rows: Int
    var columns: Int
    var isTransposed = false

    var transposed: Operand {
      Operand(buffer: buffer, rows: columns, columns: rows, isTransposed: !isTransposed)
    }

    func descriptor() throws -> dnnl_memory_desc_t {
      try plainDescriptor([rows, columns], strides: isTransposed ? [1, rows] : [columns, 1])
    }
  }

  private func product(
    _ a: Operand, _ b: Operand, into c: Operand, accumulates: Bool = false, site: Site,
    during: Site.Scratch, bias: Buffer? = nil
  ) throws -> PrimitiveKernel {
    var (aLayout, bLayout, cLayout) = (
      try a.descriptor(), try b.descriptor(), try c.descriptor()
    )
    var arguments: [PrimitiveKernel.Argument] = [
      .init(index: dt_arg_src(), descriptor: aLayout, buffer: a.buffer),
      .init(index: dt_arg_weights(), descriptor: bLayout, buffer: b.buffer),
      .init(index: dt_arg_dst(), descriptor: cLayout, buffer: c.buffer),
    ]
    var descriptor = dnnl_matmul_desc_t()
    if let bias {
      var biasLayout = try plainDescriptor([1, c.columns])
      arguments.append(.init(index: dt_arg_bias(), descriptor: biasLayout, buffer: bias))
      try check(
        "dnnl_matmul_desc_init",
        dnnl_matmul_desc_init(&descriptor, &aLayout, &bLayout, &biasLayout, &cLayout))
    } else {
      try check(
        "dnnl_matmul_desc_init",
        dnnl_matmul_desc_init(&descriptor, &aLayout, &bLayout, nil, &cLayout))
    }
    var postOperations: dnnl_post_ops_t?
    try check("dnnl_post_ops_create", dnnl_post_ops_create(&postOperations))
    defer { dnnl_post_ops_destroy(postOperations) }
    if accumulates {
      try check("dnnl_post_ops_append_sum", dnnl_post_ops_append_sum(postOperations, 1))
    }
    return try PrimitiveKernel(
      &descriptor, site: site, during: during, arguments: arguments,
      postOperations: postOperations)
  }
}
