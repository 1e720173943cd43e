import Graph

extension LayerKind {
  static let sequences: [LayerKind] =
    [
      LayerKind("dropout", keys: ["p"]) { entry in
        let probability = Float(try entry.number("p", default: 0.5, fraction, isFraction))
        return Stateless { dropout($0, probability: probability) }
      },
      LayerKind("layernorm", keys: ["eps"]) { entry in
        let eps = Float(try entry.number("eps", default: 1e-5, "above 0") { $0 > 0 })
        return LayerNorm(entry.path, width: entry.inputShape.last ?? 0, epsilon: eps)
      },
      LayerKind("embedding", keys: ["vocabulary", "width", "deviation"]) { entry in
        Embedding(
          entry.path, vocabulary: try entry.integer("vocabulary", sizes),
          width: try entry.integer("width", sizes), deviation: try deviation(entry))
      },
      LayerKind("positional", keys: ["context", "deviation"]) { entry in
        PositionalEmbedding(
          entry.path, context: try entry.integer("context", sizes),
          width: entry.inputShape.last ?? 0, deviation: try deviation(entry))
      },
      LayerKind("attention", keys: ["heads", "causal"]) { entry in
        SelfAttention(
          entry.path, width: entry.inputShape.last ?? 0, heads: try entry.integer("heads", heads),
          causal: try entry.flag("causal", default: false))
      },
      LayerKind("transformer", keys: ["heads", "causal", "mlp", "dropout", "count"]) { entry in
        let count = try entry.integer("count", 1...1024, default: 1)
        return Sequential(
          try (0..<count).map { index in
            TransformerBlock(
              count == 1 ? entry.path : "\(entry.path).\(index)",
              width: entry.inputShape.last ?? 0, heads: try entry.integer("heads", heads),
              causal: try entry.flag("causal", default: false), depth: count,
              mlp: try entry.integer("mlp", 1...1024, default: 4),
              dropout: Float(try entry.number("dropout", default: 0, fraction, isFraction)))
          })
      },
      LayerKind("tied-output", keys: ["of"]) { entry in
        let name = try entry.text("of")
        guard let table = entry.parameter("\(name).weight"), table.shape.count == 2 else {
          throw entry.failure("there is no embedding '\(name)' before it")
        }
        let label = layerLabel(entry.path, "tied-output")
        return Stateless { $0.linear(weight: $0.parameter(table), bias: nil, layer: label) }
      },
    ]
    + Recurrent.Cell.allCases.map { cell in
      LayerKind(cell.rawValue, keys: ["hidden", "layers", "last"]) { entry in
        let hidden = try entry.integer("hidden", sizes)
        let layers = try entry.integer("layers", 1...1024, default: 1)
        let recurrent = Recurrent(
          entry.path, cell: cell, inputs: entry.inputShape.last ?? 0,
          hidden: Array(repeating: hidden, count: layers),
          lastOnly: try entry.flag("last", default: false))
        // An image of one channel is read row by row.
        let rows = Array(entry.inputShape.dropFirst())
        return entry.inputShape.count == 3 && entry.inputShape[0] == 1
          ? Stateless { recurrent($0.reshaped(rows)) } : recurrent
      }
    }

  /// Of the numbers an embedding starts with.
  private static func deviation(_ entry: LayerEntry) throws -> Float {
    Float(try entry.number("deviation", default: 1, "0 or more") { $0 >= 0 })
  }

  private static let heads = 1...1024
  private static let fraction = "0 ≤ p < 1"
  private static let isFraction: @Sendable (Double) -> Bool = { $0 >= 0 && $0 < 1 }
}
