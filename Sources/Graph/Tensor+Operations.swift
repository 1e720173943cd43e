/// What a layer is made of. Shapes stand beside each function; axis 0 is the batch.
extension Tensor {
  /// x·Wᵀ + b: `[…, in]`, W `[out, in]`, b `[out]` → `[…, out]`.
  public func linear(weight: Tensor, bias: Tensor?, layer: String = "linear") -> Tensor {
    applying(
      MatrixProduct(hasBias: bias != nil, activation: nil),
      [weight] + (bias.map { [$0] } ?? []), layer: layer)
  }

  /// The same elements as `[batch] + extents`.
  public func reshaped(_ extents: [Int]) -> Tensor { applying(Reshape(extents)) }

  /// `[batch, …]` → `[batch, n]`; a vector stays as it is.
  public func flattened() -> Tensor {
    shape.count == 2 ? self : reshaped([shape.dropFirst().reduce(1, *)])
  }
}

extension Tensor {
  /// `+` under a name that errors show.
  public func adding(_ other: Tensor, layer: String) -> Tensor {
    applying(Addition(), [other], layer: layer)
  }
}

/// a + b, element by element; equal shapes.
public func + (a: Tensor, b: Tensor) -> Tensor { a.applying(Addition(), [b]) }

/// e^x / Σ e^x along the last axis.
public func softmax(_ x: Tensor) -> Tensor { x.applying(Softmax(isLogarithm: false)) }

/// x − log Σ e^x along the last axis.
public func logSoftmax(_ x: Tensor) -> Tensor { x.applying(Softmax(isLogarithm: true)) }

/// max(0, x).
public func relu(_ x: Tensor) -> Tensor { x.applying(Activation.relu) }

/// x where positive, slope·x elsewhere.
public func leakyRelu(_ x: Tensor, slope: Float = 0.01) -> Tensor {
  x.applying(Activation.leakyRelu(slope: slope))
}

/// x where positive, eˣ − 1 elsewhere.
public func elu(_ x: Tensor) -> Tensor { x.applying(Activation.elu) }

/// x·Φ(x); `tanh` takes the approximation by tanh.
public func gelu(_ x: Tensor, tanh: Bool = false) -> Tensor {
  x.applying(Activation.gelu(tanh: tanh))
}

/// x·σ(x).
public func silu(_ x: Tensor) -> Tensor { x.applying(Activation.silu) }

/// 1/(1 + e⁻ˣ).
public func sigmoid(_ x: Tensor) -> Tensor { x.applying(Activation.sigmoid) }

/// The hyperbolic tangent.
public func tanh(_ x: Tensor) -> Tensor { x.applying(Activation.tanh) }

/// log(1 + eˣ).
public func softplus(_ x: Tensor) -> Tensor { x.applying(Activation.softplus) }

extension Tensor {
  /// A row of `table` `[vocabulary, width]` for each token of the model's input: `[batch, T]` →
  /// `[batch, T, width]`.
  public func embedded(_ table: Tensor, layer: String = "embedding") -> Tensor {
    applying(Embedding(), [table], layer: layer)
  }

  /// Adds row t of `table` `[context, width]` to position t: `[batch, T, width]`, T ≤ context.
  public func addingPositions(_ table: Tensor, layer: String = "positional") -> Tensor {
    applying(PositionalEmbedding(), [table], layer: layer)
  }

  /// (x − mean)/√(variance + ε)·weight + bias over the last axis.
  public func layerNorm(
    weight: Tensor, bias: Tensor, epsilon: Float = 1e-5, layer: String = "layernorm"
  ) -> Tensor {
    applying(LayerNormalization(epsilon: epsilon), [weight, bias], layer: layer)
  }

  /// softmax(q·kᵀ/√width)·v of each head: `[batch, T, 3·C]` → `[batch, T, C]`.
  ///
  /// - Parameter hidden: `[batch, T]`, not 0 for positions that none sees, such as padding.
  public func attended(
    heads: Int, causal: Bool, hiding hidden: Tensor? = nil, layer: String = "attention"
  ) -> Tensor {
    applying(
      Attention(heads: heads, isCausal: causal), hidden.map { [$0] } ?? [], layer: layer)
  }

  /// 1 where the model's input is `token`, else 0: `[batch, T]` → the same shape.
  public func tokenMask(_ token: Int32) -> Tensor { applying(TokenMask(token: token)) }

  /// Elements `range` of one axis, which is not the batch.
  public func sliced(_ range: Range<Int>, axis: Int) -> Tensor {
    applying(Slice(axis: axis, range: range))
  }

  /// Two axes exchanged, neither the batch.
  public func transposed(_ first: Int, _ second: Int) -> Tensor {
    applying(Transpose(first, second))
  }

  /// A·B of the last two axes: `[batch, …, M, K]` and `[batch, …, K, N]` → `[batch, …, M, N]`.
  public func multiplied(by other: Tensor) -> Tensor { applying(BatchedProduct(), [other]) }

  /// One recurrent layer over `[batch, T, inputs]` with PyTorch's four parameters.
  package func recurrent(
    _ cell: Recurrent.Cell, weights: [Tensor], lastOnly: Bool, layer: String
  ) -> Tensor {
    applying(Recurrent(cell, lastOnly: lastOnly), weights, layer: layer)
  }
}

/// In training: 0 with the given probability, else x/(1 − probability). Otherwise x.
public func dropout(_ x: Tensor, probability: Float) -> Tensor {
  x.applying(Dropout(probability: probability, ordinal: x.trace.dropoutCount))
}
