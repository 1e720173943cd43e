import Basics
import Graph
import Models
import TestSupport
import Testing

/// Models of sequences as files.
@Suite struct SequenceModelFileTests {
  static let tokens = ModelContext(sampleShape: [8], outputs: 17, vocabulary: 17)

  private func model(_ text: String, _ context: ModelContext) throws -> any Model {
    try ModelFile(path: "m.yaml", text: text).model(for: context)
  }

  private func refusal(_ layers: String, _ context: ModelContext = tokens) -> String {
    failure {
      let model = try model("layers: [\(layers)]", context)
      _ = try PlanRun(
        Shape([2] + context.sampleShape), vocabulary: context.vocabulary, .crossEntropy
      ) { model($0) }
    }?.message ?? "nothing was refused"
  }

  /// The same layers by file and by name: the same parameters, starts and numbers.
  private func expectSame(_ text: String, _ name: String, _ context: ModelContext) throws {
    let models = try [model(text, context), Zoo.model(named: name, for: context)]
    let runs = try models.map { model in
      try PlanRun(
        Shape([2] + context.sampleShape), vocabulary: context.vocabulary, .crossEntropy
      ) { model($0) }
    }
    #expect(runs[0].layout == runs[1].layout)
    let count = context.sampleShape.reduce(2, *)
    let isText = context.vocabulary != nil
    let labels = (0..<(isText ? count : 2)).map { Float($0 * 7 % context.outputs) }
    let x = isText ? labels.reversed() : randomValues(count, stream: 1)
    for run in runs {
      for name in run.names { run[name] = randomValues(run[name].count, stream: stableHash(name)) }
      try run.run(x, targets: labels, takesClasses: true, takesTokens: isText)
    }
    #expect(sameBits(runs[0].output, runs[1].output))
    for name in runs[1].names {
      #expect(sameBits(runs[0].gradient(name), runs[1].gradient(name)), "\(name)")
    }
  }

  @Test(arguments: [("gpt", "true"), ("bert", "false")]) func transformers(
    _ name: String, causal: String
  ) throws {
    let text = """
      input: [8]
      layers:
        - embedding: {vocabulary: 17, width: 12, deviation: 0.02, name: wte}
        - positional: {context: 8, deviation: 0.02, name: wpe}
        - dropout: 0.25
        - transformer: {heads: 3, causal: \(causal), count: 2, dropout: 0.25, name: blocks}
        - layernorm: {name: lnf}
        - tied-output: wte
      """
    try expectSame(
      text, "\(name):layers=2,heads=3,width=12,context=8,dropout=0.25", Self.tokens)
  }

  @Test(arguments: ["rnn", "lstm", "gru"]) func recurrentLayers(_ cell: String) throws {
    let text = """
      layers:
        - \(cell): {hidden: 6, layers: 2, last: true, name: rnn}
        - linear: {out: 10, name: fc}
      """
    let (rows, image) = (
      ModelContext(sampleShape: [7, 5], outputs: 10),
      ModelContext(sampleShape: [1, 7, 5], outputs: 10)
    )
    try expectSame(text, "\(cell):6,6", rows)
    try expectSame(text, "\(cell):6,6", image)
    let language = """
      layers:
        - embedding: {vocabulary: 17, width: 6, name: embedding}
        - \(cell): {hidden: 6, name: rnn}
        - linear: {out: 17, name: fc}
      """
    try expectSame(language, "\(cell):6", Self.tokens)
  }

  /// What `transformer` is made of, layer by layer.
  @Test func attentionBySteps() throws {
    let text = """
      layers:
        - embedding: {vocabulary: 17, width: 12}
        - layernorm
        - attention: {heads: 2, causal: true}
        - linear: 17
      """
    let steps = try model(text, Self.tokens)
    let run = try PlanRun([2, 8], vocabulary: 17, .crossEntropy) { steps($0) }
    #expect(
      run.names == [
        "0.weight", "1.weight", "1.bias", "2.qkv.weight", "2.qkv.bias", "2.proj.weight",
        "2.proj.bias", "3.weight", "3.bias",
      ])
  }

  @Test func whatDoesNotFitIsRefused() {
    let embedding = "{embedding: {vocabulary: 17, width: 12}}"
    #expect(refusal("{linear: 3}").contains("begin with an embedding"))
    #expect(refusal("{embedding: {vocabulary: 16, width: 2}}").contains("tokens up to 16"))
    #expect(refusal("\(embedding), {positional: 7}").contains("context"))
    #expect(refusal("\(embedding), {attention: 5}").contains("5 heads"))
    #expect(refusal("\(embedding), {tied-output: 1}").contains("no embedding '1'"))
    #expect(refusal("\(embedding), {dropout: 1}").contains("0 ≤ p < 1"))
    #expect(refusal("\(embedding), {lstm: 0}").contains("hidden"))
    let vector = ModelContext(sampleShape: [5], outputs: 2)
    #expect(refusal("{lstm: 4}", vector).contains("expected [batch, T"))
    #expect(refusal("{embedding: {vocabulary: 5, width: 2}}", vector).contains("has numbers"))
  }
}
