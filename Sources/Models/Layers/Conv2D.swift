public import Graph

/// Convolution over images: x `[batch, inputs, height, width]` →
/// `[batch, outputs, height′, width′]`.
///
/// Parameters are PyTorch's: `weight` `[outputs, inputs / groups, kernel, kernel]` and `bias`
/// `[outputs]`, both U(±1/√fan-in) unless `initializer` says otherwise. PyTorch's `nn.Conv2d`.
public struct Conv2D: Layer {
  public let weight: Parameter
  public let bias: Parameter?
  let stride: Int
  let padding: Int
  let dilation: Int
  let groups: Int
  let label: String

  /// - Parameter name: the prefix of the parameters' names; empty gives `weight` and `bias`.
  public init(
    _ name: String, inputs: Int, outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0,
    dilation: Int = 1, groups: Int = 1, bias: Bool = true, initializer: Initializer? = nil
  ) {
    let prefix = namePrefix(name)
    let fanIn = inputs / max(1, groups)
    let start = Initializer.fanIn(fanIn * kernel * kernel)
    weight = Parameter(
      prefix + "weight", shape: [outputs, fanIn, kernel, kernel], role: .weight,
      initializer: initializer ?? start)
    self.bias =
      bias
      ? Parameter(prefix + "bias", shape: [outputs], role: .bias, initializer: start) : nil
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
    self.groups = groups
    label = layerLabel(name, "conv")
  }

  public func callAsFunction(_ input: Tensor) -> Tensor {
    input.convolution(
      weight: input.parameter(weight), bias: bias.map { input.parameter($0) }, stride: stride,
      padding: padding, dilation: dilation, groups: groups, layer: label)
  }
}
