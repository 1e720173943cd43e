public import Graph

/// Residual networks for small images: a 3×3 stem, stages of basic blocks, global average pooling,
/// one linear layer. Each stage after the first halves the image and has a convolution in its
/// first shortcut.
///
/// Source: He et al., Deep Residual Learning for Image Recognition, arXiv 1512.03385: ResNet-20 and
/// -32 are those of its section 4.2 with convolutional shortcuts (option B), ResNet-18 has the
/// widths of its table 1 behind a 3×3 stem without pooling. Parameter names count every layer.
public struct ResNet: Model {
  public struct Stage: Sendable {
    let channels: Int
    let blocks: Int

    public init(channels: Int, blocks: Int) {
      self.channels = channels
      self.blocks = blocks
    }
  }

  let stem: Sequential
  let blocks: [BasicBlock]
  let output: Linear

  public init(_ context: ModelContext, stages: [Stage]) {
    var channels = stages.first?.channels ?? 1
    stem = Sequential([
      Conv2D(
        "0", inputs: context.image.channels, outputs: channels, kernel: 3, padding: 1, bias: false),
      BatchNorm("1", channels: channels),
    ])
    var blocks: [BasicBlock] = []
    for (number, stage) in stages.enumerated() {
      for block in 0..<stage.blocks {
        blocks.append(
          BasicBlock(
            "\(3 + blocks.count)", inputs: channels, outputs: stage.channels,
            stride: number > 0 && block == 0 ? 2 : 1))
        channels = stage.channels
      }
    }
    self.blocks = blocks
    // Pooling and flattening stand between.
    output = Linear("\(blocks.count + 5)", inputs: channels, outputs: context.outputs)
  }

  /// ResNet-18, -20 or -32; nil for another depth.
  public init?(_ context: ModelContext, depth: Int) {
    let stages: [Stage]
    switch depth {
    case 20, 32:
      stages = [16, 32, 64].map { Stage(channels: $0, blocks: (depth - 2) / 6) }
    case 18: stages = [64, 128, 256, 512].map { Stage(channels: $0, blocks: 2) }
    default: return nil
    }
    self.init(context, stages: stages)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let features = blocks.reduce(relu(stem(x))) { value, block in block(value) }
    return output(features.globalAveragePool())
  }
}

/// y = relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)).
public struct BasicBlock: Layer {
  let body: Sequential
  let tail: Sequential
  let shortcut: Sequential?
  let label: String

  /// - Parameter name: the prefix of the parameters' names: `3.conv1.weight`, `3.shortcut.0.weight`.
  public init(_ name: String, inputs: Int, outputs: Int, stride: Int = 1) {
    func convolution(_ part: String, _ inputs: Int, kernel: Int, stride: Int) -> Conv2D {
      Conv2D(
        "\(name).\(part)", inputs: inputs, outputs: outputs, kernel: kernel, stride: stride,
        padding: kernel / 2, bias: false)
    }
    func norm(_ part: String) -> BatchNorm { BatchNorm("\(name).\(part)", channels: outputs) }
    body = Sequential([convolution("conv1", inputs, kernel: 3, stride: stride), norm("bn1")])
    tail = Sequential([convolution("conv2", outputs, kernel: 3, stride: 1), norm("bn2")])
    shortcut =
      stride == 1 && inputs == outputs
      ? nil
      : Sequential([
        convolution("shortcut.0", inputs, kernel: 1, stride: stride), norm("shortcut.1"),
      ])
    label = layerLabel(name, "residual")
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    relu(tail(relu(body(x))).adding(shortcut?(x) ?? x, layer: label))
  }
}
