import Basics
public import Graph

/// GPT and BERT: token and position embeddings, pre-norm blocks, a last norm, and scores of all
/// tokens by the token embedding itself; `[batch, T]` → `[batch, T, vocabulary]`.
///
/// GPT predicts the next token, so a position sees only those before it; BERT finds hidden tokens
/// from both sides. Sources: Radford et al., 2019; Devlin et al., arXiv 1810.04805.
public struct TransformerModel: Model {
  /// `gpt:layers=4,heads=4,width=128,context=64,dropout=0`.
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
  /// Reads `gpt:layers=2,heads=3` over the defaults.
  ///
  /// - Throws: `Failure.usage` naming the key, its value and its range.
  init(parsing text: String) throws {
    self.init()
    var options = try NamedOptions(parsing: text, option: "model")
    layers = try options.count("layers", default: layers, in: 1...1024)
    heads = try options.count("heads", default: heads, in: 1...1024)
    width = try options.count("width", default: width, in: 1...65536)
    context = try options.count("context", default: context, in: 1...65536)
    // A float32 that is rounded to 1 would leave nothing.
    dropout = Float(
      try options.number("dropout", default: 0, in: "0 ≤ dropout < 1") { $0 >= 0 && Float($0) < 1 })
    try options.finish()
    if width % heads != 0 {
      throw Failure.usage(
        "\(options.title): a width of \(width) cannot be cut into \(heads) heads")
    }
  }
}
