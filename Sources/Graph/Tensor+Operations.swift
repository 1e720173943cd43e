/// What a layer is made of. Shapes stand beside each function; axis 0 is the batch.
extension Tensor {
  /// x·Wᵀ + b: `[batch, in]`, W `[out, in]`, b `[out]` → `[batch, out]`.
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
