public import Graph

/// (x − mean)/√(variance + ε)·weight + bias over the last axis. PyTorch's `nn.LayerNorm`.
public struct LayerNorm: Layer {
  public let weight: Parameter
  public let bias: Parameter
  let epsilon: Float
  let label: String

  public init(_ name: String, width: Int, epsilon: Float = 1e-5) {
    let prefix = namePrefix(name)
    weight = Parameter(
      prefix + "weight", shape: [width], role: .norm, initializer: .constant(1))
    bias = Parameter(prefix + "bias", shape: [width], role: .norm, initializer: .constant(0))
    self.epsilon = epsilon
    label = layerLabel(name, "layernorm")
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.layerNorm(
      weight: x.parameter(weight), bias: x.parameter(bias), epsilon: epsilon, layer: label)
  }
}
