package import Basics
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

  /// A quarter of 2048×2048. Measured, the four take as long as the whole, on one and two threads;
  /// of fewer rows than 256 they would not.
  private static let panelLength = 1 << 20
  private static let leastPanelRows = 256

  /// Rows of the weight's gradient that are made together, in the order of backward.
  ///
  /// That of a large layer comes in panels, the last rows first, so that those leave for other hosts
  /// while the rest is made. It depends on the shape alone: oneDNN may add the products of a panel in
  /// another order than those of the whole.
  private static func panels(outputs: Int, inputs: Int) -> [Range<Int>] {
    // Whole cache lines of a row of dz.
    let rows = max(leastPanelRows, panelLength / inputs / 16 * 16)
    return stride(from: 0, to: outputs, by: rows).map { $0..<min($0 + rows, outputs) }.reversed()
  }

  package func compile(_ site: Site) throws -> CompiledOperation {
    let outputs = site.inputShapes[1][0]
    let inputs = site.inputShapes[1][1]
    let rows = site.outputShape.count / outputs
    let precision = Precision.ofProducts(of: [inputs, outputs], site.engine)
    func x(_ during: Site.Scratch) -> ProductOperand {
      site.hasRoundedInput
        ? ProductOperand(buffer: site.inputs[0], type: dnnl_bf16, preparation: [])
        : site.operand(site.inputs[0], in: precision, during: during)
    }
    func weight(_ during: Site.Scratch) -> ProductOperand {
      site.operand(site.inputs[1], in: precision, during: during)
    }

    let (left, right) = (x(.forward), weight(.forward))
    var forward = left.preparation + right.preparation
    forward.append(
      try matrixProduct(
        MatrixOperand(left, rows: rows, columns: inputs),
        MatrixOperand(right, rows: outputs, columns: inputs).transposed,
        into: MatrixOperand(site.output, rows: rows, columns: outputs),
        bias: hasBias ? site.inputs[2] : nil, site: site, during: .forward))
    if activation != nil { forward.append(reluInPlace(site.output)) }
    guard let upstream = site.outputGradient else { return CompiledOperation(forward: forward) }

    var backward: [any Kernel] = []
    if activation != nil {
      backward.append(reluMask(gradient: upstream, output: site.output))
    }
    // The bias's first: it lies behind the weight's, which is then final as it is made.
    let rounded = site.upstreamOperand(
      upstream, in: precision, bias: hasBias ? site.inputGradients[2] : nil)
    let dz = MatrixOperand(rounded, rows: rows, columns: outputs)
    backward += rounded.preparation
    var inputKernels: [any Kernel] = []
    if let target = site.inputGradients[0] {
      let right = weight(.backward)
      inputKernels = right.preparation
      inputKernels.append(
        try matrixProduct(
          dz, MatrixOperand(right, rows: outputs, columns: inputs),
          into: MatrixOperand(target.buffer, rows: rows, columns: inputs),
          accumulates: target.accumulates, site: site, during: .backward))
    }
    var weightKernels: [any Kernel] = []
    if let target = site.inputGradients[1] {
      let left = x(.backward)
      weightKernels = left.preparation
      for panel in MatrixProduct.panels(outputs: outputs, inputs: inputs) {
        weightKernels.append(
          try matrixProduct(
            dz.transposed.rows(panel), MatrixOperand(left, rows: rows, columns: inputs),
            into: MatrixOperand(target.buffer, rows: outputs, columns: inputs).rows(panel),
            accumulates: target.accumulates, site: site, during: .backward))
      }
    }
    // The input's gradient may take the input's place. Where both inputs are one tensor, the second
    // one adds to the first one's.
    let isOneTensor = site.inputGradients[0]?.buffer === site.inputGradients[1]?.buffer
    backward += isOneTensor ? inputKernels + weightKernels : weightKernels + inputKernels
    return CompiledOperation(forward: forward, backward: backward)
  }
}
