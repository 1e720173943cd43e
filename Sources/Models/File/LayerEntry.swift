import Basics
import Graph
import Yams

/// One entry of a list of layers: `relu`, `linear: 10` or `conv: {out: 8, kernel: 3}`.
///
/// A value that is no mapping is the kind's first key: `linear: 10` is `linear: {out: 10}`.
struct LayerEntry {
  let kind: LayerKind
  /// The layer's name and the prefix of its parameters: `3.body.0`, or the `name:` given.
  let path: String
  /// What the layer is applied to; its shape is `[1] + sample`.
  let input: Tensor
  private let node: Node
  private let values: [String: Node]
  private let builder: ModelFileBuilder

  init(_ node: Node, path: String, input: Tensor, builder: ModelFileBuilder) throws {
    self.node = node
    self.input = input
    self.builder = builder
    let name: String
    let argument: Node?
    switch node {
    case .scalar(let scalar): (name, argument) = (scalar.string, nil)
    case .mapping(let mapping):
      guard mapping.count == 1, let entry = mapping.first, let key = entry.key.string else {
        throw builder.failure(node, "layer \(path): expected one key naming the layer")
      }
      (name, argument) = (key, entry.value)
    default: throw builder.failure(node, "layer \(path): expected a layer's name or one key")
    }
    guard let kind = LayerKind.named(name) else {
      let kinds = LayerKind.all.map(\.name).joined(separator: ", ")
      throw builder.failure(
        node, "layer \(path): unknown layer '\(name)'", remedy: "Layers: \(kinds).")
    }
    self.kind = kind
    var values: [String: Node] = [:]
    if case .mapping(let mapping) = argument {
      for (key, value) in mapping {
        guard let word = key.string, kind.keys.contains(word) || word == "name" else {
          throw builder.failure(
            key,
            "layer \(path): \(name) has no key '\(key.string ?? "?")'; it knows "
              + (kind.keys + ["name"]).joined(separator: ", "))
        }
        values[word] = value
      }
    } else if let argument {
      guard let first = kind.keys.first else {
        throw builder.failure(node, "layer \(path): \(name) takes no value")
      }
      values[first] = argument
    }
    self.values = values
    self.path = values["name"]?.string ?? path
    if self.path.isEmpty { throw builder.failure(node, "layer \(path): the name is empty") }
  }

  func make() throws -> (layer: any Layer, output: Tensor) { try kind.make(self) }

  /// The extents of one sample before this layer.
  var inputShape: [Int] { Array(input.shape.dropFirst()) }

  /// Channels of an image, or features of a vector.
  var inputChannels: Int { inputShape.first ?? 0 }

  // MARK: Values by key

  /// - Parameter fallback: nil where the key must be given.
  func integer(_ key: String, _ range: ClosedRange<Int>, default fallback: Int? = nil) throws -> Int
  {
    guard let value = values[key] else {
      if let fallback { return fallback }
      throw failure("\(kind.name) needs \(key)")
    }
    guard let number = value.int, range.contains(number) else {
      throw failure(
        "\(key) must be a whole number from \(range.lowerBound) to \(range.upperBound), found "
          + "'\(value.string ?? "?")'", at: value)
    }
    return number
  }

  func number(
    _ key: String, default fallback: Double, _ allowed: String, _ isAllowed: (Double) -> Bool
  ) throws -> Double {
    guard let value = values[key] else { return fallback }
    guard let number = value.float, number.isFinite, isAllowed(number) else {
      throw failure("\(key) must be a number, \(allowed)", at: value)
    }
    return number
  }

  func flag(_ key: String, default fallback: Bool) throws -> Bool {
    guard let value = values[key] else { return fallback }
    guard let flag = value.bool else { throw failure("\(key) must be true or false", at: value) }
    return flag
  }

  /// One of `words`; the first is the default.
  func word(_ key: String, of words: [String]) throws -> String {
    guard let value = values[key] else { return words[0] }
    guard let word = value.string, words.contains(word) else {
      throw failure("\(key) must be \(words.joined(separator: " or "))", at: value)
    }
    return word
  }

  func text(_ key: String) throws -> String {
    guard let word = values[key]?.string, !word.isEmpty else {
      throw failure("\(kind.name) needs \(key)")
    }
    return word
  }

  /// A parameter of a layer before this one.
  func parameter(_ name: String) -> Parameter? {
    input.trace.parameters.first { $0.name == name }
  }

  func has(_ key: String) -> Bool { values[key] != nil }

  /// The nested list of layers under `key`, applied to this layer's input.
  func branch(_ key: String) throws -> (layers: Sequential, output: Tensor) {
    guard let value = values[key] else { throw failure("\(kind.name) needs \(key)") }
    return try builder.sequence(value, path: "\(path).\(key)", from: input)
  }

  /// The nested lists of layers under `key`, each applied to this layer's input; parameters are
  /// named by the branch's number.
  func branches(_ key: String) throws -> [(layers: Sequential, output: Tensor)] {
    guard case .sequence(let lists) = values[key], !lists.isEmpty else {
      throw failure("\(kind.name) needs a list of lists of layers")
    }
    return try lists.enumerated().map { index, list in
      try builder.sequence(list, path: "\(path).\(index)", from: input)
    }
  }

  func failure(_ message: String, at place: Node? = nil) -> Failure {
    builder.failure(place ?? node, "layer \(path) (\(kind.name)): \(message)")
  }
}
