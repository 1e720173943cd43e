/// Operations on images `[batch, channels, height, width]`.
extension Tensor {
  /// Cross-correlation with W `[out, channels / groups, kernel, kernel]`, plus b `[out]`.
  /// PyTorch's `nn.functional.conv2d`.
  public func convolution(
    weight: Tensor, bias: Tensor?, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
    groups: Int = 1, layer: String = "conv"
  ) -> Tensor {
    let geometry = Convolution.Geometry(
      stride: stride, padding: padding, dilation: dilation, groups: groups)
    return applying(
      Convolution(geometry: geometry, hasBias: bias != nil),
      [weight] + (bias.map { [$0] } ?? []), layer: layer)
  }

  /// The largest value of each `kernel`×`kernel` window; `stride` is `kernel` unless given.
  public func maxPool(
    kernel: Int, stride: Int? = nil, padding: Int = 0, layer: String? = nil
  ) -> Tensor {
    pool(.maximum, kernel, stride, padding, layer)
  }

  /// The mean of each `kernel`×`kernel` window, padding counted as zeros.
  public func averagePool(
    kernel: Int, stride: Int? = nil, padding: Int = 0, layer: String? = nil
  ) -> Tensor {
    pool(.average, kernel, stride, padding, layer)
  }

  /// The mean of each channel: `[batch, channels]`.
  public func globalAveragePool(layer: String? = nil) -> Tensor {
    applying(Pooling(.average, .global), layer: layer).flattened()
  }

  /// Normalized a channel over the samples; see `BatchNorm`. x `[batch, channels, …]`, everything
  /// else `[channels]`.
  public func batchNorm(
    weight: Tensor, bias: Tensor, runningMean: Tensor, runningVariance: Tensor,
    epsilon: Float = 1e-5, layer: String = "batchnorm"
  ) -> Tensor {
    applying(
      BatchNorm(epsilon: epsilon), [weight, bias, runningMean, runningVariance], layer: layer)
  }

  /// Normalized a sample over groups of channels; weight and bias `[channels]`.
  /// PyTorch's `nn.functional.group_norm`.
  public func groupNorm(
    weight: Tensor, bias: Tensor, groups: Int, epsilon: Float = 1e-5, layer: String = "groupnorm"
  ) -> Tensor {
    applying(GroupNorm(groups: groups, epsilon: epsilon), [weight, bias], layer: layer)
  }

  private func pool(
    _ kind: Pooling.Kind, _ kernel: Int, _ stride: Int?, _ padding: Int, _ layer: String?
  ) -> Tensor {
    let window = Pooling.Window.square(
      kernel: kernel, stride: stride ?? kernel, padding: padding)
    return applying(Pooling(kind, window), layer: layer)
  }
}

/// Values one after another along the channels; equal shapes elsewhere.
public func concatenated(_ values: [Tensor], layer: String = "concat") -> Tensor {
  precondition(!values.isEmpty, "nothing to concatenate")
  return values[0].applying(
    Concatenation(count: values.count), Array(values.dropFirst()), layer: layer)
}
