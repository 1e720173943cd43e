public import Graph

/// Two convolutions, one maximum pooling, two linear layers: the small network of PyTorch's MNIST
/// example, without dropout.
///
/// Parameter names count every layer, as in `nn.Sequential(Conv2d, ReLU, Conv2d, ReLU, MaxPool2d,
/// Flatten, Linear, ReLU, Linear)`. On a 28×28 image: 32×26×26, 64×24×24, 64×12×12, 9216, 128.
public struct CNN: Model {
  let conv1: Conv2D, conv2: Conv2D, hidden: Linear, output: Linear

  /// - Parameter channels: of the two convolutions.
  public init(_ context: ModelContext, channels: (Int, Int) = (32, 64), hidden width: Int = 128) {
    let (inputs, height, across) = context.image
    conv1 = Conv2D("0", inputs: inputs, outputs: channels.0, kernel: 3)
    conv2 = Conv2D("2", inputs: channels.0, outputs: channels.1, kernel: 3)
    let pixels = max(0, (height - 4) / 2) * max(0, (across - 4) / 2)
    hidden = Linear("6", inputs: channels.1 * pixels, outputs: width)
    output = Linear("8", inputs: width, outputs: context.outputs)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let features = relu(conv2(relu(conv1(x)))).maxPool(kernel: 2, layer: "4 (maxpool)")
    return output(relu(hidden(features.flattened())))
  }
}
