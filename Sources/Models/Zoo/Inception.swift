public import Graph

/// A small network of inception blocks: a 3×3 stem, blocks with maximum pooling between stages,
/// global average pooling, one linear layer.
///
/// Source: Szegedy et al., Going Deeper with Convolutions, arXiv 1409.4842. Parameter names count
/// every layer.
public struct Inception: Model {
  let stem: Conv2D
  let layers: [any Layer]
  let output: Linear

  /// - Parameter stages: the blocks' widths; the image is halved between two stages.
  public init(_ context: ModelContext, stem channels: Int, stages: [[InceptionBlock.Widths]]) {
    stem = Conv2D(
      "0", inputs: context.image.channels, outputs: channels, kernel: 3, padding: 1)
    var layers: [any Layer] = []
    var inputs = channels
    for (number, stage) in stages.enumerated() {
      if number > 0 {
        let label = layerLabel("\(layers.count + 2)", "maxpool")
        layers.append(
          Stateless { $0.maxPool(kernel: 3, stride: 2, padding: 1, layer: label) })
      }
      for widths in stage {
        layers.append(InceptionBlock("\(layers.count + 2)", inputs: inputs, widths: widths))
        inputs = widths.total
      }
    }
    self.layers = layers
    // Pooling and flattening stand between.
    output = Linear("\(layers.count + 4)", inputs: inputs, outputs: context.outputs)
  }

  /// The zoo's `inception`: five blocks in three stages.
  public init(_ context: ModelContext) {
    let narrow = InceptionBlock.Widths(one: 16, three: (16, 32), five: (16, 16), pool: 16)
    let wide = InceptionBlock.Widths(one: 32, three: (32, 64), five: (16, 32), pool: 32)
    self.init(context, stem: 32, stages: [[narrow], [narrow, wide], [wide, wide]])
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let features = layers.reduce(relu(stem(x))) { value, layer in layer(value) }
    return output(features.globalAveragePool())
  }
}

/// Four branches of one image along the channels: 1×1, 1×1 then 3×3, 1×1 then 5×5, 3×3 maximum
/// pooling then 1×1; ReLU after every convolution.
public struct InceptionBlock: Layer {
  /// Channels of each convolution; of `three` and `five` first the 1×1 before it.
  public struct Widths: Sendable {
    let one: Int
    let three: (reduced: Int, out: Int)
    let five: (reduced: Int, out: Int)
    let pool: Int

    public init(one: Int, three: (Int, Int), five: (Int, Int), pool: Int) {
      self.one = one
      self.three = three
      self.five = five
      self.pool = pool
    }

    var total: Int { one + three.out + five.out + pool }
  }

  let branches: [[Conv2D]]
  let label: String

  /// - Parameter name: the prefix of the parameters' names: `2.b1.weight`, `2.b3r.weight`, …
  public init(_ name: String, inputs: Int, widths: Widths) {
    func convolution(_ part: String, _ inputs: Int, _ outputs: Int, kernel: Int) -> Conv2D {
      Conv2D(
        "\(name).\(part)", inputs: inputs, outputs: outputs, kernel: kernel, padding: kernel / 2)
    }
    branches = [
      [convolution("b1", inputs, widths.one, kernel: 1)],
      [
        convolution("b3r", inputs, widths.three.reduced, kernel: 1),
        convolution("b3", widths.three.reduced, widths.three.out, kernel: 3),
      ],
      [
        convolution("b5r", inputs, widths.five.reduced, kernel: 1),
        convolution("b5", widths.five.reduced, widths.five.out, kernel: 5),
      ],
      [convolution("bp", inputs, widths.pool, kernel: 1)],
    ]
    label = layerLabel(name, "inception")
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let pooled = x.maxPool(kernel: 3, stride: 1, padding: 1, layer: label)
    let results = branches.enumerated().map { number, convolutions in
      convolutions.reduce(number == 3 ? pooled : x) { value, convolution in
        relu(convolution(value))
      }
    }
    return concatenated(results, layer: label)
  }
}
