public import Graph

/// Layers one after another.
public struct Sequential: Model {
  public let layers: [any Layer]

  public init(_ layers: [any Layer]) { self.layers = layers }

  public func callAsFunction(_ input: Tensor) -> Tensor {
    layers.reduce(input) { value, layer in layer(value) }
  }
}
