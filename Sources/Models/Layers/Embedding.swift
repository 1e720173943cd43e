public import Graph

/// A learned vector for each token of the model's input: `[batch, T]` → `[batch, T, width]`.
///
/// `weight` `[vocabulary, width]` starts as N(0, deviation²). PyTorch's `nn.Embedding`.
public struct Embedding: Layer {
  public let weight: Parameter
  let label: String

  public init(_ name: String, vocabulary: Int, width: Int, deviation: Float = 1) {
    let prefix = namePrefix(name)
    weight = Parameter(
      prefix + "weight", shape: [vocabulary, width], role: .weight,
      initializer: .normal(deviation: deviation))
    label = layerLabel(name, "embedding")
  }

  public func callAsFunction(_ tokens: Tensor) -> Tensor {
    tokens.embedded(tokens.parameter(weight), layer: label)
  }

  /// Scores of all tokens by the same vectors: `[batch, T, width]` → `[batch, T, vocabulary]`.
  ///
  /// Source: Press and Wolf, arXiv 1608.05859.
  public func scores(_ x: Tensor) -> Tensor {
    x.linear(weight: x.parameter(weight), bias: nil, layer: "tied output of \(label)")
  }
}

/// Adds a learned vector for each position: `[batch, T, width]`, T up to `context`.
public struct PositionalEmbedding: Layer {
  public let weight: Parameter
  let label: String

  public init(_ name: String, context: Int, width: Int, deviation: Float = 1) {
    let prefix = namePrefix(name)
    weight = Parameter(
      prefix + "weight", shape: [context, width], role: .weight,
      initializer: .normal(deviation: deviation))
    label = layerLabel(name, "positional")
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.addingPositions(x.parameter(weight), layer: label)
  }
}
