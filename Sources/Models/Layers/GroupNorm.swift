public import Graph

/// Normalizes groups of channels of each sample: x `[batch, channels, height, width]` or
/// `[batch, channels]` → the same shape.
///
/// Parameters are PyTorch's: `weight` 1 and `bias` 0, both `[channels]`. PyTorch's
/// `nn.GroupNorm`.
public struct GroupNorm: Layer {
  public let weight: Parameter
  public let bias: Parameter
  let groups: Int
  let epsilon: Float
  let label: String

  /// - Parameters:
  ///   - name: the prefix of the parameters' names.
  ///   - groups: divides `channels`.
  public init(_ name: String, groups: Int, channels: Int, epsilon: Float = 1e-5) {
    let prefix = namePrefix(name)
    weight = Parameter(
      prefix + "weight", shape: [channels], role: .norm, initializer: .constant(1))
    bias = Parameter(prefix + "bias", shape: [channels], role: .norm, initializer: .constant(0))
    self.groups = groups
    self.epsilon = epsilon
    label = layerLabel(name, "groupnorm")
  }

  public func callAsFunction(_ input: Tensor) -> Tensor {
    input.groupNorm(
      weight: input.parameter(weight), bias: input.parameter(bias), groups: groups,
      epsilon: epsilon, layer: label)
  }
}
