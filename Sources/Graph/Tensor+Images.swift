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

  private func pool(
    _ kind: Pooling.Kind, _ kernel: Int, _ stride: Int?, _ padding: Int, _ layer: String?
  ) -> Tensor {
    let window = Pooling.Window.square(
      kernel: kernel, stride: stride ?? kernel, padding: padding)
    return applying(Pooling(kind, window), layer: layer)
  }
}
