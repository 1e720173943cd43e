import Basics
import Graph
import Yams

/// A model as a YAML file: a list of layers, one key each.
///
/// Parameter names are `nn.Sequential` indices counting every layer (`3.weight`), or `name:`
/// where given.
package struct ModelFile {
  private let path: String
  private let root: Node

  /// Whether a model's name means such a file.
  package static func isPath(_ name: String) -> Bool {
    name.hasSuffix(".yaml") || name.hasSuffix(".yml")
  }

  /// - Parameters:
  ///   - path: what errors call the file.
  ///   - text: the file's content.
  /// - Throws: `Failure.badData` where it is not YAML.
  package init(path: String, text: String) throws {
    self.path = path
    do {
      guard let root = try Yams.compose(yaml: text) else {
        throw Failure.badData("\(path): the file is empty", remedy: "Write a list `layers:`.")
      }
      self.root = root
    } catch let error as YamlError {
      throw Failure.badData("\(path): not YAML: \(ModelFile.describe(error))")
    }
  }

  /// Place and problem of a YAML error, without the whole file that Yams quotes.
  package static func describe(_ error: any Error) -> String {
    switch error as? YamlError {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      "line \(mark.line), column \(mark.column): \(problem)"
    case .duplicatedKeysInMapping(let keys, _): "\(keys.joined(separator: ", ")) stands twice"
    default: String("\(error)".prefix(200))
    }
  }

  /// - Throws: `Failure` naming file, line and layer.
  package func model(for context: ModelContext) throws -> any Model {
    guard case .mapping(let mapping) = root else {
      throw failure(root, "expected the keys input and layers")
    }
    var layers: Node.Sequence?
    for (key, value) in mapping {
      switch key.string {
      case "input":
        let shape = value.array().map { $0.int }
        guard shape == context.sampleShape.map(Optional.some) else {
          throw failure(
            value,
            "input \(shape.map { $0.map(String.init) ?? "?" }) does not match the data's sample "
              + "shape \(context.sampleShape)")
        }
      case "layers":
        guard case .sequence(let sequence) = value else {
          throw failure(value, "layers must be a list")
        }
        layers = sequence
      default:
        throw failure(key, "unknown key '\(key.string ?? "?")'; expected input and layers")
      }
    }
    guard let layers, !layers.isEmpty else { throw failure(root, "there is no list of layers") }
    var shape = context.sampleShape
    return Sequential(
      try layers.enumerated().map { index, node in
        try layer(node, index: index, shape: &shape)
      })
  }

  /// One entry of the list. `shape` is a sample's shape before it, and after it on return.
  private func layer(_ node: Node, index: Int, shape: inout [Int]) throws -> any Layer {
    var kind: String
    var argument: Node?
    switch node {
    case .scalar(let scalar): kind = scalar.string
    case .mapping(let mapping):
      guard mapping.count == 1, let entry = mapping.first, let name = entry.key.string else {
        throw failure(node, "layer \(index): expected one key naming the layer")
      }
      kind = name
      argument = entry.value
    default: throw failure(node, "layer \(index): expected a layer's name or one key")
    }

    switch kind {
    case "linear":
      let options = try LinearOptions(argument, file: self, index: index)
      let inputs = shape.reduce(1, *)
      shape = [options.out]
      let linear = Linear(
        options.name ?? "\(index)", inputs: inputs, outputs: options.out, bias: options.bias)
      return Stateless { linear($0.flattened()) }
    case "flatten":
      shape = [shape.reduce(1, *)]
      return Stateless { $0.flattened() }
    case "relu": return Stateless { Graph.relu($0) }
    case "elu": return Stateless { Graph.elu($0) }
    case "silu": return Stateless { Graph.silu($0) }
    case "sigmoid": return Stateless { Graph.sigmoid($0) }
    case "tanh": return Stateless { Graph.tanh($0) }
    case "softplus": return Stateless { Graph.softplus($0) }
    case "leaky-relu":
      let slope = try number(argument, key: "slope", default: 0.01, layer: index)
      return Stateless { Graph.leakyRelu($0, slope: Float(slope)) }
    case "gelu":
      let approximate = try argument.map { try word($0, key: "approximate", layer: index) }
      guard [nil, "none", "tanh"].contains(approximate) else {
        throw failure(node, "layer \(index): approximate must be none or tanh")
      }
      return Stateless { Graph.gelu($0, tanh: approximate == "tanh") }
    case "softmax", "conv", "maxpool", "avgpool", "global-avgpool", "dropout", "batchnorm",
      "layernorm", "groupnorm", "embedding", "positional", "rnn", "lstm", "gru", "attention",
      "transformer", "tied-output", "residual", "concat":
      throw failure(
        node, "layer \(index): '\(kind)' is not built yet in this version", kind: .usage)
    default:
      throw failure(node, "layer \(index): unknown layer '\(kind)'", kind: .usage)
    }
  }

  private func number(
    _ node: Node?, key: String, default standard: Double, layer: Int
  ) throws -> Double {
    guard let node else { return standard }
    let value = node.mapping?.first { $0.key.string == key }?.value ?? node
    guard let number = value.float, number.isFinite else {
      throw failure(node, "layer \(layer): \(key) must be a number")
    }
    return number
  }

  private func word(_ node: Node, key: String, layer: Int) throws -> String {
    let value = node.mapping?.first { $0.key.string == key }?.value ?? node
    guard let word = value.string else {
      throw failure(node, "layer \(layer): \(key) must be a word")
    }
    return word
  }

  fileprivate func failure(
    _ node: Node, _ message: String, kind: Failure.Kind = .badData
  ) -> Failure {
    let line = node.mark.map { ", line \($0.line)" } ?? ""
    return Failure(
      kind, "\(path)\(line): \(message)",
      remedy: "Layers of this version: linear, flatten, relu, leaky-relu, elu, gelu, silu, "
        + "sigmoid, tanh, softplus.")
  }
}

/// `linear: 10` or `linear: {out: 10, bias: false, name: head}`.
private struct LinearOptions {
  var out = 0
  var bias = true
  var name: String?

  init(_ node: Node?, file: ModelFile, index: Int) throws {
    guard let node else {
      throw Failure.badData("layer \(index): linear needs its number of outputs, as in linear: 10")
    }
    if let mapping = node.mapping {
      for (key, value) in mapping {
        switch key.string {
        case "out": out = value.int ?? 0
        case "bias":
          guard let flag = value.bool else {
            throw file.failure(value, "layer \(index): bias must be true or false")
          }
          bias = flag
        case "name": name = value.string
        default:
          throw file.failure(key, "layer \(index): linear has no key '\(key.string ?? "?")'")
        }
      }
    } else {
      out = node.int ?? 0
    }
    guard (1...(1 << 24)).contains(out) else {
      throw file.failure(node, "layer \(index): linear needs a positive number of outputs")
    }
  }
}
