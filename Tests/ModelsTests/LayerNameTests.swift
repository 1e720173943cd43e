import Basics
import Graph
import Models
import TestSupport
import Testing

@Suite struct LayerNameTests {
  /// A layer of each kind, and the shape of its input.
  private func layer(_ kind: String, _ name: String) -> (layer: any Layer, input: Shape) {
    switch kind {
    case "linear": (Linear(name, inputs: 4, outputs: 2), [2, 4])
    case "conv": (Conv2D(name, inputs: 4, outputs: 2, kernel: 3), [2, 4, 5, 5])
    case "batchnorm": (Models.BatchNorm(name, channels: 4), [2, 4])
    case "groupnorm": (Models.GroupNorm(name, groups: 2, channels: 4), [2, 4])
    case "layernorm": (LayerNorm(name, width: 4), [2, 4])
    case "embedding": (Models.Embedding(name, vocabulary: 7, width: 4), [2, 3])
    case "positional": (Models.PositionalEmbedding(name, context: 3, width: 4), [2, 3, 4])
    case "attention": (SelfAttention(name, width: 4, heads: 2, causal: true), [2, 3, 4])
    case "transformer":
      (TransformerBlock(name, width: 4, heads: 2, causal: true, depth: 1), [2, 3, 4])
    default: (Models.Recurrent(name, cell: .lstm, inputs: 4, hidden: [2]), [2, 3, 4])
    }
  }

  /// A layer is a whole model too: its parameters then go by their own names.
  @Test(arguments: [
    "linear", "conv", "batchnorm", "groupnorm", "layernorm", "embedding", "positional",
    "attention", "transformer", "lstm",
  ])
  func aLayerWithoutANameAddsNoneToItsParameters(_ kind: String) throws {
    func plan(_ name: String) throws -> Plan {
      let (layer, input) = layer(kind, name)
      let vocabulary = kind == "embedding" ? 7 : nil
      return try PlanRun(input, vocabulary: vocabulary, .meanSquaredError) { layer($0) }.plan
    }
    let (named, plain) = (try plan("a.b"), try plan(""))
    let names = plain.layout.entries.map(\.parameter.name)
    #expect(named.layout.entries.map(\.parameter.name) == names.map { "a.b." + $0 })
    #expect(!names.isEmpty && names.allSatisfy { $0.first != "." })
    #expect(plain.steps.allSatisfy { $0.layer.first != " " && $0.layer.first != "." })
  }
}
