public import Graph

/// A part of a model: a function of symbolic tensors with named parameters.
public protocol Layer: Sendable {
  /// Records this layer on `input`, shaped `[batch, …]`.
  func callAsFunction(_ input: Tensor) -> Tensor
}

/// A whole model. Nothing more is asked of it than of a layer; the name tells readers which is
/// meant.
public protocol Model: Layer {}

/// What errors and `inspect` call a layer: `3.conv1 (conv)`.
func layerLabel(_ name: String, _ kind: String) -> String {
  name.isEmpty ? kind : "\(name) (\(kind))"
}

/// What the names of a layer's parameters begin with: `3.`, nothing where the layer has no name.
func namePrefix(_ name: String) -> String { name.isEmpty ? "" : name + "." }

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

/// Layers one after another.
public struct Sequential: Model {
  public let layers: [any Layer]

  public init(_ layers: [any Layer]) { self.layers = layers }

  public func callAsFunction(_ input: Tensor) -> Tensor {
    layers.reduce(input) { value, layer in layer(value) }
  }
}

/// A layer without parameters, from a function: `Stateless { relu($0) }`.
public struct Stateless: Layer {
  let body: @Sendable (Tensor) -> Tensor

  public init(_ body: @escaping @Sendable (Tensor) -> Tensor) { self.body = body }

  public func callAsFunction(_ input: Tensor) -> Tensor { body(input) }
}
