public import Graph

/// Linear layers with ReLU between them. Parameter names count every layer, as in PyTorch's
/// `nn.Sequential(Linear, ReLU, Linear)`: `0.weight`, `0.bias`, `2.weight`, …
public struct MLP: Model {
  let layers: [Linear]

  public init(_ context: ModelContext, hidden: [Int]) {
    let widths = [context.features] + hidden + [context.outputs]
    layers = (1..<widths.count).map { index in
      Linear("\(2 * (index - 1))", inputs: widths[index - 1], outputs: widths[index])
    }
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    var value = layers[0](x.flattened())
    for layer in layers.dropFirst() { value = layer(relu(value)) }
    return value
  }
}
