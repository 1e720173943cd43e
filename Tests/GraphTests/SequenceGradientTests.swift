import Basics
import CKernels
import Graph
import TestSupport
import Testing

/// Operations on sequences, each gradient against central differences of a reference in double
/// precision. x is a parameter, so that its gradient is compared too.
@Suite struct SequenceGradientTests {
  typealias Values = [String: [Double]]

  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// "x" among them.
    let parameters: [String: [Int]]
    let model: @Sendable ((String) -> Tensor) -> Tensor
    let reference: @Sendable ((String) -> [Double]) -> [Double]
  }

  static let random = ck_random_context(seed: 5, step: 3, first_sample: 7)

  static let cases: [Case] =
    [
      Case(
        testDescription: "softmax", parameters: ["x": [2, 3, 5]],
        model: { p in softmax(p("x")) },
        reference: { p in SequenceReference.rows(p("x"), 5, SequenceReference.softmax) }),
      Case(
        testDescription: "log-softmax, twice read", parameters: ["x": [3, 19]],
        model: { p in logSoftmax(p("x")) + logSoftmax(p("x")) },
        reference: { p in
          SequenceReference.rows(p("x"), 19, SequenceReference.logSoftmax).map { 2 * $0 }
        }),
      Case(
        testDescription: "layernorm", parameters: ["x": [2, 3, 21], "w": [21], "b": [21]],
        model: { p in p("x") + p("x").layerNorm(weight: p("w"), bias: p("b")) },
        reference: { p in
          zip(p("x"), SequenceReference.layerNorm(p("x"), p("w"), p("b"))).map { $0 + $1 }
        }),
      Case(
        testDescription: "positions", parameters: ["x": [3, 2, 4], "table": [3, 4]],
        model: { p in p("x").addingPositions(p("table")) },
        reference: { p in
          SequenceReference.rows(p("x"), 8) { zip($0, p("table")).map { $0 + $1 } }
        }),
      Case(
        testDescription: "dropout", parameters: ["x": [3, 150]],
        model: { p in dropout(dropout(p("x"), probability: 0.3), probability: 0.1) },
        reference: { p in
          let x = p("x")
          return x.indices.map { index in
            let (sample, element) = (index / 150, index % 150)
            return x[index] * DropoutTests.factor(random, 0, 0.3, sample, element)
              * DropoutTests.factor(random, 1, 0.1, sample, element)
          }
        }),
    ]

  static func attention(_ length: Int, _ heads: Int, _ width: Int, causal: Bool) -> Case {
    Case(
      testDescription: "attention \(length)×\(heads)×\(width), causal \(causal)",
      parameters: ["x": [2, length, 3 * heads * width]],
      model: { p in p("x").attended(heads: heads, causal: causal) },
      reference: { p in
        SequenceReference.attention(
          p("x"), length: length, heads: heads, width: width, isCausal: causal)
      })
  }

  static func recurrent(_ cell: Recurrent.Cell, lastOnly: Bool) -> Case {
    let (rows, weights) = (cell.gates * 6, ["ih", "hh", "bi", "bh"])
    return Case(
      testDescription: "\(cell), last only \(lastOnly)",
      parameters: [
        "x": [3, 4, 5], "ih": [rows, 5], "hh": [rows, 6], "bi": [rows], "bh": [rows],
      ],
      model: { p in
        p("x").recurrent(cell, weights: weights.map(p), lastOnly: lastOnly, layer: "")
      },
      reference: { p in
        SequenceReference.recurrent(
          cell, p("x"), weights.map(p), length: 4, hidden: 6, lastOnly: lastOnly)
      })
  }

  /// Attention by its parts, with one head: equal to the operation and its gradients.
  static let partwise = Case(
    testDescription: "slices, a transpose and products",
    parameters: ["x": [2, 5, 9]],
    model: { p in
      let (q, k, v) = (
        p("x").sliced(0..<3, axis: 2), p("x").sliced(3..<6, axis: 2), p("x").sliced(6..<9, axis: 2)
      )
      return softmax(q.multiplied(by: k.transposed(1, 2))).multiplied(by: v)
    },
    reference: { p in
      // Without the scale 1/√3.
      let scaled = p("x").enumerated().map { $0 % 9 < 3 ? $1 * 3.squareRoot() : $1 }
      return SequenceReference.attention(scaled, length: 5, heads: 1, width: 3, isCausal: false)
    })

  static let structured: [Case] = [
    partwise,
    attention(5, 2, 3, causal: true), attention(5, 2, 3, causal: false),
    // More than one block of queries.
    attention(70, 1, 17, causal: true), attention(70, 1, 17, causal: false),
    recurrent(.rnn, lastOnly: false), recurrent(.rnn, lastOnly: true),
    recurrent(.lstm, lastOnly: false), recurrent(.lstm, lastOnly: true),
    recurrent(.gru, lastOnly: false), recurrent(.gru, lastOnly: true),
  ]

  @Test(arguments: cases + structured) func agreesWithCentralDifferences(_ test: Case) throws {
    let batch = test.parameters["x"]?[0] ?? 0
    let run = try PlanRun([batch, 1], .meanSquaredError) { input in
      test.model { input.parameter(.test($0, test.parameters[$0] ?? [])) }
    }
    for name in run.names {
      run[name] = randomValues(run[name].count, stream: stableHash(name), scale: 0.7)
    }
    let count = run.plan.outputShape.count
    let targets = randomValues(count, stream: 2)
    try run.run([Float](repeating: 0, count: batch), targets: targets, random: Self.random)

    let start = Dictionary(uniqueKeysWithValues: run.names.map { ($0, run[$0].map(Double.init)) })
    let output = test.reference { start[$0] ?? [] }
    #expect(relativeError(run.output.map(Double.init), output) <= 2e-6)
    func loss(_ values: Values) -> Double {
      zip(test.reference { values[$0] ?? [] }, targets).reduce(0) {
        $0 + ($1.0 - Double($1.1)) * ($1.0 - Double($1.1))
      }
    }
    for name in run.names {
      // Big arrays by a sample of their elements.
      let indices = stride(from: 0, to: run[name].count, by: max(1, run[name].count / 25))
      let expected = indices.map { index in
        var (up, down) = (start, start)
        up[name]?[index] += 1e-5
        down[name]?[index] -= 1e-5
        return (loss(up) - loss(down)) / 2e-5
      }
      let gradient = run.gradient(name)
      #expect(
        relativeError(indices.map { Double(gradient[$0]) }, expected) <= 1e-5, "\(name)")
    }
  }

  /// Positions whose token is 1 are seen by none; the first position of a causal row then sees
  /// nothing at all.
  @Test(arguments: [true, false]) func attentionHidesPadding(_ causal: Bool) throws {
    let (length, heads, width) = (21, 2, 3)
    let tokens = (0..<(2 * length)).map { index -> Float in
      let isPadding = index % 5 == 0 || index > 35
      return isPadding ? 1 : Float(index % 4 + 2)
    }
    let run = try PlanRun([2, length], vocabulary: 6, .meanSquaredError) { input in
      input.parameter(.test("x", [2, length, 3 * heads * width])).attended(
        heads: heads, causal: causal, hiding: input.tokenMask(1))
    }
    let x = randomValues(run["x"].count, stream: 1)
    run["x"] = x
    let targets = randomValues(run.plan.outputShape.count, stream: 2)
    try run.run(tokens, targets: targets, takesTokens: true)
    let hidden = Set(tokens.indices.filter { tokens[$0] == 1 })
    func reference(_ x: [Double]) -> [Double] {
      SequenceReference.attention(
        x, length: length, heads: heads, width: width, isCausal: causal, hidden: hidden)
    }
    let start = x.map(Double.init)
    #expect(relativeError(run.output.map(Double.init), reference(start)) <= 2e-6)
    func loss(_ x: [Double]) -> Double {
      zip(reference(x), targets).reduce(0) { $0 + ($1.0 - Double($1.1)) * ($1.0 - Double($1.1)) }
    }
    let indices = Array(stride(from: 0, to: x.count, by: 7))
    let expected = indices.map { index in
      var (up, down) = (start, start)
      up[index] += 1e-5
      down[index] -= 1e-5
      return (loss(up) - loss(down)) / 2e-5
    }
    let gradient = run.gradient("x")
    #expect(relativeError(indices.map { Double(gradient[$0]) }, expected) <= 1e-5)
  }

  @Test func masksThatDoNotFit() {
    func refusal(_ vocabulary: Int?, _ model: (Tensor) -> Tensor) -> String {
      failure { _ = try PlanRun([2, 3], vocabulary: vocabulary, .meanSquaredError, model) }?
        .message ?? "none"
    }
    func x(_ input: Tensor, _ length: Int) -> Tensor {
      input.parameter(.test("x", [2, length, 6]))
    }
    #expect(
      refusal(5) { x($0, 3).attended(heads: 1, causal: false, hiding: $0.tokenMask(1)) } == "none")
    #expect(
      refusal(5) { x($0, 4).attended(heads: 1, causal: false, hiding: $0.tokenMask(1)) }.contains(
        "expected a mask of keys [2, 4], found [2, 3]"))
    #expect(refusal(nil) { $0.tokenMask(1) }.contains("the data has numbers"))
    #expect(refusal(5) { $0.tokenMask(1).tokenMask(1) }.contains("needs the model's input"))
  }

  /// A table's rows are read in any order and more than once.
  @Test func embedding() throws {
    let tokens: [Float] = [2, 0, 2, 3, 3, 2]
    let run = try PlanRun([2, 3], vocabulary: 4, .meanSquaredError) { x in
      x.embedded(x.parameter(.test("table", [5, 2])))
    }
    let table = randomValues(10, stream: 1)
    run["table"] = table
    let targets = randomValues(12, stream: 2)
    try run.run(tokens, targets: targets, takesTokens: true)
    let expected = tokens.flatMap { table[(Int($0) * 2)..<(Int($0) * 2 + 2)] }
    #expect(run.output == expected)
    var gradient = [Float](repeating: 0, count: 10)
    for (position, token) in tokens.enumerated() {
      for c in 0..<2 {
        let place = 2 * position + c
        gradient[Int(token) * 2 + c] += 2 * (expected[place] - targets[place])
      }
    }
    #expect(relativeError(run.gradient("table"), gradient) <= 1e-6)
  }

  /// Tokens and numbers are not taken for each other, and the table must hold every token.
  @Test func tokensAreNoNumbers() {
    func refusal(_ vocabulary: Int?, _ model: (Tensor) -> Tensor) -> String {
      failure { _ = try PlanRun([2, 3], vocabulary: vocabulary, .meanSquaredError, model) }?
        .message ?? "none"
    }
    func table(_ x: Tensor) -> Tensor { x.parameter(.test("table", [4, 2])) }
    #expect(refusal(4) { $0.embedded(table($0)) } == "none")
    #expect(refusal(5) { $0.embedded(table($0)) }.contains("tokens up to 4"))
    #expect(refusal(nil) { $0.embedded(table($0)) }.contains("the data has numbers"))
    #expect(refusal(4) { relu($0) }.contains("begin with an embedding"))
    #expect(refusal(4) { relu($0.embedded(table($0))).embedded(table($0)) }.contains("input"))
  }
}
