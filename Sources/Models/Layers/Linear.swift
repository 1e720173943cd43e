public import Graph

/// y = x·Wᵀ + b. Shapes: x `[batch, …, inputs]`, y `[batch, …, outputs]`.
///
/// Parameters are PyTorch's: `weight` `[outputs, inputs]` and `bias` `[outputs]`, both
/// U(±1/√inputs) unless the initializers say otherwise. PyTorch's `nn.Linear`.
public struct Linear: Layer {
  public let weight: Parameter
  public let bias: Parameter?
  let label: String

  /// - Parameter name: the prefix of the parameters' names; empty gives `weight` and `bias`.
  public init(
    _ name: String, inputs: Int, outputs: Int, bias: Bool = true, initializer: Initializer? = nil,
    biasInitializer: Initializer? = nil
  ) {
    let prefix = namePrefix(name)
    let start = Initializer.fanIn(inputs)
    weight = Parameter(
      prefix + "weight", shape: [outputs, inputs], role: .weight,
      initializer: initializer ?? start)
    self.bias =
      bias
      ? Parameter(
        prefix + "bias", shape: [outputs], role: .bias, initializer: biasInitializer ?? start)
      : nil
    label = layerLabel(name, "linear")
  }

  public func callAsFunction(_ input: Tensor) -> Tensor {
    input.linear(
      weight: input.parameter(weight), bias: bias.map { input.parameter($0) }, layer: label)
  }
}
