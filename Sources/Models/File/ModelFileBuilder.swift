import Basics
import Graph
import Yams

/// Builds the layers of one model file and traces them as it goes: a layer's parameters follow
/// from the shape before it, and what does not fit is refused with file and line.
final class ModelFileBuilder {
  private let path: String
  private let trace: Trace
  let input: Tensor
  private var names: Set<String> = []
  private var layerCount = 0

  /// More are an alias of an alias of an alias.
  private static let mostLayers = 20_000

  init(path: String, context: ModelContext) {
    self.path = path
    trace = Trace(vocabulary: context.vocabulary)
    input = trace.input(Shape([1] + context.sampleShape))
  }

  /// - Parameters:
  ///   - node: the list.
  ///   - path: of the list in the model: empty, or `3.body`.
  ///   - input: the value the first layer is applied to.
  func sequence(
    _ node: Node, path: String, from input: Tensor
  ) throws -> (layers: Sequential, output: Tensor) {
    guard case .sequence(let nodes) = node, !nodes.isEmpty else {
      throw failure(node, "\(path.isEmpty ? "layers" : path) must be a list of layers")
    }
    var value = input
    var layers: [any Layer] = []
    for (index, node) in nodes.enumerated() {
      layerCount += 1
      if layerCount > ModelFileBuilder.mostLayers {
        throw failure(node, "more than \(ModelFileBuilder.mostLayers) layers")
      }
      let entry = try LayerEntry(
        node, path: path.isEmpty ? "\(index)" : "\(path).\(index)", input: value, builder: self)
      if !names.insert(entry.path).inserted {
        throw failure(node, "two layers are called '\(entry.path)'")
      }
      let (layer, output) = try entry.make()
      value = output
      if let failure = trace.failure { throw self.failure(node, failure.message) }
      layers.append(layer)
    }
    return (Sequential(layers), value)
  }

  func failure(_ node: Node, _ message: String, remedy: String = "") -> Failure {
    let line = node.mark.map { ", line \($0.line)" } ?? ""
    return Failure.badData("\(path)\(line): \(message)", remedy: remedy)
  }
}
