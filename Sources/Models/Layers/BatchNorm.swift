public import Graph

/// Normalizes each channel over the samples: x `[batch, channels, height, width]` or
/// `[batch, channels]` → the same shape.
///
/// Parameters are PyTorch's: `weight` 1 and `bias` 0, both `[channels]`, and the running
/// statistics `running_mean` 0 and `running_var` 1, which evaluation uses. Training uses the
/// statistics of a leaf's own samples, so they do not depend on the number of ranks.
/// PyTorch's `nn.BatchNorm1d` and `nn.BatchNorm2d`.
public struct BatchNorm: Layer {
  public let weight: Parameter
  public let bias: Parameter
  let prefix: String
  let channels: Int
  let momentum: Double
  let epsilon: Float
  let label: String

  /// - Parameters:
  ///   - name: the prefix of the parameters' names.
  ///   - momentum: the share of a step's statistics in the running ones.
  ///   - epsilon: added to the variance.
  public init(_ name: String, channels: Int, momentum: Double = 0.1, epsilon: Float = 1e-5) {
    prefix = namePrefix(name)
    weight = Parameter(
      prefix + "weight", shape: [channels], role: .norm, initializer: .constant(1))
    bias = Parameter(prefix + "bias", shape: [channels], role: .norm, initializer: .constant(0))
    self.channels = channels
    self.momentum = momentum
    self.epsilon = epsilon
    label = layerLabel(name, "batchnorm")
  }

  public func callAsFunction(_ input: Tensor) -> Tensor {
    let statistic = RunningStatistic(
      momentum: momentum, valuesPerSample: input.shape.dropFirst(2).reduce(1, *))
    return input.batchNorm(
      weight: input.parameter(weight), bias: input.parameter(bias),
      runningMean: input.parameter(
        Parameter(
          prefix + "running_mean", shape: [channels], startingAt: 0, statistic: statistic)),
      runningVariance: input.parameter(
        Parameter(
          prefix + "running_var", shape: [channels], startingAt: 1, statistic: statistic)),
      epsilon: epsilon, layer: label)
  }
}
