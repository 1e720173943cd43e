import Basics
public import Graph

/// What a model is made for: the shape of one sample and the number of outputs.
public struct ModelContext: Sendable {
  /// Without the batch: `[1, 28, 28]` for grey images.
  public let sampleShape: [Int]
  /// Classes, or target values of a regression.
  public let outputs: Int

  public init(sampleShape: [Int], outputs: Int) {
    self.sampleShape = sampleShape
    self.outputs = outputs
  }

  var features: Int { sampleShape.reduce(1, *) }
}

/// y = x·Wᵀ + b on the flattened sample: linear regression with a squared error, logistic
/// (softmax) regression with cross-entropy.
public struct LinearModel: Model {
  let output: Linear

  public init(_ context: ModelContext) {
    output = Linear("", inputs: context.features, outputs: context.outputs)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { output(x.flattened()) }
}

/// Linear layers with ReLU between them. Parameter names count every layer, as in PyTorch's
/// `nn.Sequential(Linear, ReLU, Linear)`: `0.weight`, `0.bias`, `2.weight`, …
public struct MLP: Model {
  let layers: [Linear]

  public init(_ context: ModelContext, hidden: [Int]) {
    let widths = [context.features] + hidden + [context.outputs]
    layers = (1..<widths.count).map { index in
      Linear("\(2 * (index - 1))", inputs: widths[index - 1], outputs: widths[index])
    }
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    var value = layers[0](x.flattened())
    for layer in layers.dropFirst() { value = layer(relu(value)) }
    return value
  }
}

/// The models that go by name on the command line.
package enum Zoo {
  /// - Parameters:
  ///   - name: `linear`, `logistic`, `mlp:128,64`, or a path ending in `.yaml` or `.yml`.
  ///   - file: the text of that file where it is known already.
  /// - Throws: `Failure.usage` for a name or a width that is not known.
  package static func model(
    named name: String, file: String? = nil, for context: ModelContext
  ) throws -> any Model {
    if ModelFile.isPath(name) {
      let text = try file ?? readTextFile(name, limit: 1 << 20)
      return try ModelFile(path: name, text: text).model(for: context)
    }
    let parts = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let arguments = parts.count > 1 ? String(parts[1]) : nil
    switch (parts[0], arguments) {
    case ("linear", nil), ("logistic", nil): return LinearModel(context)
    case ("mlp", _):
      return MLP(context, hidden: try widths(arguments ?? "128", in: name))
    case ("perceptron", _), ("cnn", _), ("resnet", _), ("inception", _), ("rnn", _), ("lstm", _),
      ("gru", _), ("gpt", _), ("bert", _):
      throw Failure.usage(
        "model \(name): not built yet in this version", remedy: "Models that are: \(known)")
    default:
      throw Failure.usage("model \(name): not known", remedy: "Models: \(known)")
    }
  }

  private static let known = "linear, logistic, mlp:WIDTH[,WIDTH…], FILE.yaml"

  private static func widths(_ list: String, in name: String) throws -> [Int] {
    try list.split(separator: ",", omittingEmptySubsequences: false).map { text in
      guard let width = Int(text), (1...(1 << 20)).contains(width) else {
        throw Failure.usage(
          "model \(name): layer width '\(text)' is not a number from 1 to \(1 << 20)",
          remedy: "Write widths with commas, as in mlp:128,64.")
      }
      return width
    }
  }
}
