import Graph
import Models
import TestSupport
import Testing

@Suite struct LayerNameTests {
  /// Each layer under a name, and the shape and tokens of its input.
  static let layers: [(kind: String, input: Shape, vocabulary: Int?)] = [
    ("linear", [2, 4], nil), ("conv", [2, 4, 5, 5], nil), ("batchnorm", [2, 4], nil),
    ("groupnorm", [2, 4], nil), ("layernorm", [2, 4], nil), ("embedding", [2, 3], 7),
    ("positional", [2, 3, 4], nil), ("attention", [2, 3, 4], nil), ("transformer", [2, 3, 4], nil),
    ("lstm", [2, 3, 4], nil),
  ]

  private func layer(_ kind: String, _ name: String) -> any Layer {
    switch kind {
    case "linear": Linear(name, inputs: 4, outputs: 2)
    case "conv": Conv2D(name, inputs: 4, outputs: 2, kernel: 3)
    case "batchnorm": BatchNorm(name, channels: 4)
    case "groupnorm": GroupNorm(name, groups: 2, channels: 4)
    case "layernorm": LayerNorm(name, width: 4)
    case "embedding": Embedding(name, vocabulary: 7, width: 4)
    case "positional": PositionalEmbedding(name, context: 3, width: 4)
    case "attention": SelfAttention(name, width: 4, heads: 2, causal: true)
    case "transformer":
      TransformerBlock(name, width: 4, heads: 2, causal: true, depth: 1)
    default: Recurrent(name, cell: .lstm, inputs: 4, hidden: [2])
    }
  }

  /// A layer is a whole model too: its parameters then go by their own names.
  @Test(arguments: layers) func aLayerWithoutANameAddsNoneToItsParameters(
    _ kind: String, _ input: Shape, _ vocabulary: Int?
  ) throws {
    func plan(_ name: String) throws -> Plan {
      try PlanRun(input, vocabulary: vocabulary, .meanSquaredError) { layer(kind, name)($0) }.plan
    }
    let (named, plain) = (try plan("a.b"), try plan(""))
    let names = plain.layout.entries.map(\.parameter.name)
    #expect(named.layout.entries.map(\.parameter.name) == names.map { "a.b." + $0 })
    #expect(names.allSatisfy { $0.first != "." } && !names.isEmpty)
    #expect(plain.steps.allSatisfy { $0.layer.first != " " && $0.layer.first != "." })
  }
}
