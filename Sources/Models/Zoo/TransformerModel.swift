import Basics
public import Graph

/// GPT and BERT: token and position embeddings, pre-norm blocks, a last norm, and scores of all
/// tokens by the token embedding itself; `[batch, T]` → `[batch, T, vocabulary]`.
///
/// GPT predicts the next token, so a position sees only those before it; BERT finds hidden tokens
/// from both sides. Sources: Radford et al., 2019; Devlin et al., arXiv 1810.04805.
public struct TransformerModel: Model {
  /// `layers=4,heads=4,width=128,context=64,dropout=0`.
  public struct Settings: Sendable {
    public var layers = 4
    public var heads = 4
    public var width = 128
    public var context = 64
    public var dropout: Float = 0

    public init() {}
  }

  let tokens: Embedding
  let positions: PositionalEmbedding
  let blocks: [TransformerBlock]
  let norm: LayerNorm
  let dropout: Float

  public init(_ context: ModelContext, _ settings: Settings, causal: Bool) {
    tokens = Embedding(
      "wte", vocabulary: context.outputs, width: settings.width, deviation: 0.02)
    positions = PositionalEmbedding(
      "wpe", context: settings.context, width: settings.width, deviation: 0.02)
    blocks = (0..<settings.layers).map { index in
      TransformerBlock(
        "blocks.\(index)", width: settings.width, heads: settings.heads, causal: causal,
        depth: settings.layers, dropout: settings.dropout)
    }
    norm = LayerNorm("lnf", width: settings.width)
    dropout = settings.dropout
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let embedded = positions(tokens(x))
    let start = dropout == 0 ? embedded : Graph.dropout(embedded, probability: dropout)
    return tokens.scores(norm(blocks.reduce(start) { value, block in block(value) }))
  }
}

extension TransformerModel.Settings {
  /// Parses `layers=2,heads=3` over the defaults.
  ///
  /// - Throws: `Failure.usage` naming the key.
  init(_ list: String, in name: String) throws {
    self.init()
    for setting in list.split(separator: ",", omittingEmptySubsequences: false) {
      let pair = setting.split(separator: "=", maxSplits: 1).map(String.init)
      let value = pair.count == 2 ? pair[1] : ""
      func count(_ range: ClosedRange<Int>) throws -> Int {
        guard let count = Int(value), range.contains(count) else {
          throw Failure.usage(
            "model \(name): \(pair[0]) '\(value)' is not a whole number from "
              + "\(range.lowerBound) to \(range.upperBound)")
        }
        return count
      }
      switch pair.first {
      case "layers": layers = try count(1...1024)
      case "heads": heads = try count(1...1024)
      case "width": width = try count(1...65536)
      case "context": context = try count(1...65536)
      case "dropout":
        guard let probability = Float(value), probability >= 0, probability < 1 else {
          throw Failure.usage("model \(name): dropout '\(value)' is not in 0 ≤ p < 1")
        }
        dropout = probability
      default:
        throw Failure.usage(
          "model \(name): no setting '\(setting)'",
          remedy: "Settings: layers, heads, width, context, dropout, as in gpt:layers=2,heads=2.")
      }
    }
    if width % heads != 0 {
      throw Failure.usage("model \(name): a width of \(width) cannot be cut into \(heads) heads")
    }
  }
}
