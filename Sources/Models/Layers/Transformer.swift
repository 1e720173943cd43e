public import Graph

/// Multi-head self-attention: y = W·attention(q, k, v) + b with q, k, v one linear map of x;
/// `[batch, T, width]` → same.
///
/// Source: Vaswani et al., "Attention Is All You Need", arXiv 1706.03762.
public struct SelfAttention: Layer {
  let heads: Int
  let isCausal: Bool
  let combined: Linear
  let projection: Linear
  let label: String

  public init(
    _ name: String, width: Int, heads: Int, causal: Bool, initializer: Initializer? = nil,
    projectionInitializer: Initializer? = nil
  ) {
    let prefix = namePrefix(name)
    self.heads = heads
    isCausal = causal
    combined = Linear(
      prefix + "qkv", inputs: width, outputs: 3 * width, initializer: initializer,
      biasInitializer: .constant(0))
    projection = Linear(
      prefix + "proj", inputs: width, outputs: width, initializer: projectionInitializer,
      biasInitializer: .constant(0))
    label = layerLabel(name, "attention")
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { self(x, hiding: nil) }

  /// - Parameter hidden: `[batch, T]`, not 0 for positions that none sees, such as padding:
  ///   `tokens.tokenMask(0)`.
  public func callAsFunction(_ x: Tensor, hiding hidden: Tensor?) -> Tensor {
    projection(
      combined(x).attended(heads: heads, causal: isCausal, hiding: hidden, layer: label))
  }
}

/// A pre-norm block: x + attention(norm x), then x + mlp(norm x) with a GELU between two linear
/// maps; `[batch, T, width]` → same.
///
/// Weights start as N(0, 0.02²), those that end in the residual stream N(0, 0.02²/(2·depth)).
/// Source: Radford et al., "Language Models are Unsupervised Multitask Learners", 2019.
public struct TransformerBlock: Layer {
  let norms: (LayerNorm, LayerNorm)
  let attention: SelfAttention
  let expansion: Linear
  let projection: Linear
  let dropout: Float

  /// - Parameters:
  ///   - depth: blocks of the whole model.
  ///   - mlp: hidden width of the MLP in units of `width`.
  public init(
    _ name: String, width: Int, heads: Int, causal: Bool, depth: Int, mlp: Int = 4,
    dropout: Float = 0
  ) {
    let prefix = namePrefix(name)
    let start = Initializer.normal(deviation: 0.02)
    let residual = Initializer.normal(deviation: 0.02 / Float(2 * depth).squareRoot())
    norms = (LayerNorm(prefix + "ln1", width: width), LayerNorm(prefix + "ln2", width: width))
    attention = SelfAttention(
      prefix + "attn", width: width, heads: heads, causal: causal, initializer: start,
      projectionInitializer: residual)
    expansion = Linear(
      prefix + "fc", inputs: width, outputs: mlp * width, initializer: start,
      biasInitializer: .constant(0))
    projection = Linear(
      prefix + "proj", inputs: mlp * width, outputs: width, initializer: residual,
      biasInitializer: .constant(0))
    self.dropout = dropout
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { self(x, hiding: nil) }

  /// - Parameter hidden: as `SelfAttention` takes it.
  public func callAsFunction(_ x: Tensor, hiding hidden: Tensor?) -> Tensor {
    let attended = x + regularized(attention(norms.0(x), hiding: hidden))
    return attended + regularized(projection(gelu(expansion(norms.1(attended)))))
  }

  private func regularized(_ x: Tensor) -> Tensor {
    dropout == 0 ? x : Graph.dropout(x, probability: dropout)
  }
}
