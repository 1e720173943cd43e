import Basics
import Graph

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
    case ("perceptron", nil): return Perceptron(context)
    case ("cnn", nil): return CNN(context)
    case ("rnn", _), ("lstm", _), ("gru", _):
      let cell = Recurrent.Cell(rawValue: String(parts[0])) ?? .rnn
      return RecurrentModel(context, cell: cell, hidden: try widths(arguments ?? "128", in: name))
    case ("gpt", _), ("bert", _):
      return TransformerModel(
        context, try TransformerModel.Settings(parsing: name), causal: parts[0] == "gpt")
    case ("resnet", _):
      guard let model = Int(arguments ?? "20").flatMap({ ResNet(context, depth: $0) }) else {
        throw Failure.usage(
          "model \(name): not a depth that is known", remedy: "Write resnet:18, :20 or :32.")
      }
      return model
    case ("inception", nil): return Inception(context)
    default:
      throw Failure.usage("model \(name): not known", remedy: "Models: \(known)")
    }
  }

  /// Tokens of a sample a model of this name is made for; nil where it does not say.
  package static func contextLength(of name: String, file: String?) throws -> Int? {
    if ModelFile.isPath(name) {
      let text = try file ?? readTextFile(name, limit: 1 << 20)
      return try ModelFile(path: name, text: text).contextLength
    }
    guard isTransformer(name) else { return nil }
    return try TransformerModel.Settings(parsing: name).context
  }

  package static func isTransformer(_ name: String) -> Bool {
    ["gpt", "bert"].contains(name.prefix { $0 != ":" })
  }

  /// Whether it finds hidden tokens instead of the next ones.
  package static func isMasked(_ name: String) -> Bool { name.prefix { $0 != ":" } == "bert" }

  private static let known =
    "linear, perceptron, logistic, mlp:WIDTH[,WIDTH…], cnn, resnet:DEPTH, inception, "
    + "rnn|lstm|gru:WIDTH[,WIDTH…], gpt|bert:layers=4,heads=4,width=128,context=64, FILE.yaml"

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
