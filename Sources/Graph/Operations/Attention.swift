package import Basics
import CKernels

/// softmax(q·kᵀ/√width)·v for each head: `[batch, T, 3·C]`, queries, keys and values of
/// `heads` heads side by side → `[batch, T, C]`. PyTorch's `scaled_dot_product_attention`.
///
/// A second input `[batch, T]` hides the keys it is not 0 for, as `key_padding_mask` does in
/// PyTorch's `nn.MultiheadAttention`; a query that sees no key gets 0.
///
/// Its two products are multiplied in the plan's precision, as those of PyTorch's autocast are.
///
/// Memory is linear in T: the weights of a block of queries at a time, computed again in backward.
///
/// Source: Vaswani et al., "Attention Is All You Need", arXiv 1706.03762.
package struct Attention: Operation {
  let heads: Int
  /// Whether a position sees only itself and those before it.
  let isCausal: Bool

  package init(heads: Int, isCausal: Bool) {
    self.heads = heads
    self.isCausal = isCausal
  }

  package let name = "attention"
  package var backwardReads: BackwardReads { .inputs }

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    let x = inputs[0]
    guard x.rank == 3, x[2] % 3 == 0, x[2] > 0 else {
      throw ShapeMismatch("expected queries, keys and values [batch, T, 3·width], found \(x)")
    }
    guard heads > 0, x[2] / 3 % heads == 0 else {
      throw ShapeMismatch("a width of \(x[2] / 3) cannot be cut into \(heads) heads")
    }
    if inputs.count > 1, inputs[1].extents != [x[0], x[1]] {
      throw ShapeMismatch("expected a mask of keys [\(x[0]), \(x[1])], found \(inputs[1])")
    }
    return Shape([x[0], x[1], x[2] / 3])
  }

  /// Narrow heads stay float32, as narrow layers do.
  private func products(width: Int, _ engine: ComputeEngine) -> ck_attention_products {
    switch Precision.ofProducts(of: [width], engine) {
    case .float32: CK_FLOAT32_PRODUCTS
    case .bfloat16: CK_BFLOAT16_PRODUCTS
    case .emulatedBfloat16: CK_EMULATED_BFLOAT16_PRODUCTS
    }
  }

  package func compile(_ site: Site) throws -> CompiledOperation {
    let result = site.outputShape
    let shape = ck_attention_shape(
      samples: result[0], length: result[1], heads: heads, width: result[2] / heads,
      is_causal: isCausal ? 1 : 0, products: products(width: result[2] / heads, site.engine))
    let statistics = site.scratch(
      bytes: ck_attention_statistics(shape) * 4,
      during: site.outputGradient == nil ? .forward : .both)
    let scratch = site.scratch(bytes: ck_attention_scratch(shape, 0) * 4, during: .forward)
    let hidden = site.inputs.count > 1 ? site.inputs[1] : nil
    var arguments = KernelArguments()
    let x = arguments.add(site.inputs[0])
    let mask = arguments.add(hidden)
    let y = arguments.add(site.output)
    let (kept, space) = (arguments.add(statistics), arguments.add(scratch))
    let forward = ClosureKernel(arguments.buffers) { pointers in
      ck_attention(
        pointers[x], mask.map { pointers[$0] }, pointers[y], pointers[kept], shape,
        pointers[space])
    }
    guard let upstream = site.outputGradient, let target = site.inputGradients[0] else {
      return CompiledOperation(forward: [forward])
    }
    // A mask is a choice: it has no slope.
    let clear = site.inputGradients.dropFirst().flatMap { $0.map(clearing) ?? [] }
    return CompiledOperation(
      forward: [forward],
      backward: [backward(site, upstream, target, shape, statistics, hidden)] + clear)
  }

  private func backward(
    _ site: Site, _ upstream: Buffer, _ target: GradientTarget, _ shape: ck_attention_shape,
    _ statistics: Buffer, _ hidden: Buffer?
  ) -> any Kernel {
    var arguments = KernelArguments()
    let x = arguments.add(site.inputs[0])
    let mask = arguments.add(hidden)
    let dy = arguments.add(upstream)
    let kept = arguments.add(statistics)
    let dx = arguments.add(target)
    let space = arguments.add(
      site.scratch(bytes: ck_attention_scratch(shape, 1) * 4, during: .backward))
    return ClosureKernel(arguments.buffers) { pointers in
      ck_attention_backward(
        pointers[x], mask.map { pointers[$0] }, pointers[dy], pointers[kept], pointers[dx.index],
        shape, pointers[space], dx.adds)
    }
  }
}
