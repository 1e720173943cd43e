import Basics
import CKernels
import Graph
import TestSupport
import Testing

/// Every gradient against central differences of a reference in double precision.
@Suite struct GradientTests {
  /// A model twice: as the plan runs it, and as the reference computes it from x and its
  /// parameters, each a matrix.
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    var loss = Loss.meanSquaredError
    let parameters: [String: [Int]]
    let model: @Sendable (Tensor, (String) -> Tensor) -> Tensor
    let reference: @Sendable (Reference.Matrix, [String: Reference.Matrix]) -> Reference.Matrix

    var testDescription: String { name }
  }

  static let weights = ["v": [4, 5], "b": [4], "w": [4, 4]]

  static let cases: [Case] =
    Activation.all.map { activation in
      Case(
        name: "\(activation)", parameters: weights,
        model: { x, p in
          x.linear(weight: p("v"), bias: p("b")).applying(activation).linear(
            weight: p("w"), bias: nil)
        },
        reference: { x, p in
          let hidden = Reference.linear(x, p["v"] ?? [], p["b"]?[0])
          return Reference.linear(Reference.apply(activation, hidden), p["w"] ?? [])
        })
    }
    + [
      Case(
        name: "cross-entropy", loss: .crossEntropy, parameters: ["v": [4, 5], "b": [4]],
        model: { x, p in x.linear(weight: p("v"), bias: p("b")) },
        reference: { x, p in Reference.linear(x, p["v"] ?? [], p["b"]?[0]) }),
      Case(
        name: "perceptron", loss: .classes(.perceptron), parameters: ["v": [4, 5], "b": [4]],
        model: { x, p in x.linear(weight: p("v"), bias: p("b")) },
        reference: { x, p in Reference.linear(x, p["v"] ?? [], p["b"]?[0]) }),
      Case(
        name: "tied", loss: .crossEntropy, parameters: weights,
        model: { x, p in
          let hidden = tanh(x.linear(weight: p("v"), bias: p("b")))
          return tanh(hidden.linear(weight: p("w"), bias: p("b"))).linear(
            weight: p("w"), bias: p("b"))
        },
        reference: { x, p in
          var value = Reference.linear(x, p["v"] ?? [], p["b"]?[0])
          for _ in 0..<2 {
            value = Reference.linear(Reference.apply(.tanh, value), p["w"] ?? [], p["b"]?[0])
          }
          return value
        }),
      Case(
        name: "gelu beside its input", parameters: ["v": [4, 5]],
        model: { x, p in
          let hidden = x.linear(weight: p("v"), bias: nil)
          return gelu(hidden) + hidden
        },
        reference: { x, p in
          let hidden = Reference.linear(x, p["v"] ?? [])
          return Reference.add(Reference.apply(.gelu(tanh: false), hidden), hidden)
        }),
      Case(
        name: "fan-out", parameters: weights,
        model: { x, p in
          let hidden = relu(x.linear(weight: p("v"), bias: p("b")))
          let square = hidden.reshaped([2, 2])
          let straight = square.reshaped([4]).linear(weight: p("w"), bias: nil)
          return straight + tanh(square).flattened() + hidden + sigmoid(hidden)
        },
        reference: { x, p in
          let hidden = Reference.apply(.relu, Reference.linear(x, p["v"] ?? [], p["b"]?[0]))
          let sum = Reference.add(
            Reference.linear(hidden, p["w"] ?? []), Reference.apply(.tanh, hidden))
          return Reference.add(sum, Reference.add(hidden, Reference.apply(.sigmoid, hidden)))
        }),
      Case(
        name: "both operands", parameters: weights,
        model: { x, p in
          let hidden = tanh(x.linear(weight: p("v"), bias: p("b")))
          return (hidden + hidden).linear(weight: hidden, bias: nil)
            + hidden.linear(weight: hidden, bias: nil)
        },
        reference: { x, p in
          let hidden = Reference.apply(.tanh, Reference.linear(x, p["v"] ?? [], p["b"]?[0]))
          return Reference.linear(hidden.map { $0.map { 3 * $0 } }, hidden)
        }),
      Case(
        name: "dead branch", parameters: weights,
        model: { x, p in
          let hidden = tanh(x.linear(weight: p("v"), bias: p("b")))
          _ = sigmoid(hidden).linear(weight: p("w"), bias: p("b"))
          return hidden.linear(weight: p("w"), bias: nil)
        },
        reference: { x, p in
          let hidden = Reference.apply(.tanh, Reference.linear(x, p["v"] ?? [], p["b"]?[0]))
          return Reference.linear(hidden, p["w"] ?? [])
        }),
    ]

  @Test(arguments: cases) func agreesWithCentralDifferences(_ test: Case) throws {
    let batch = 4
    let run = try PlanRun([batch, 5], test.loss) { x in
      test.model(x) { x.parameter(.test($0, test.parameters[$0] ?? [])) }
    }
    let x = randomValues(batch * 5, stream: 1)
    for name in run.names { run[name] = randomValues(run[name].count, stream: stableHash(name)) }
    let isClasses = test.loss.takesClasses
    let targets = isClasses ? [3, 0, 1, 3] : randomValues(batch * 4, stream: 2)
    let sums = try run.run(x, targets: targets, takesClasses: isClasses)

    func loss(_ values: [String: [Double]]) -> Double {
      let matrices = values.mapValues { Reference.matrix($0, $0.count == 20 ? 5 : 4) }
      let output = test.reference(Reference.matrix(x.map(Double.init), 5), matrices)
      return Reference.loss(test.loss, output, targets.map(Double.init))
    }
    let start = Dictionary(uniqueKeysWithValues: run.names.map { ($0, run[$0].map(Double.init)) })
    #expect(relativeError([sums.loss], [loss(start)]) <= 1e-6)
    for name in run.names {
      let expected = (0..<run[name].count).map { index in
        var (up, down) = (start, start)
        up[name]?[index] += 1e-5
        down[name]?[index] -= 1e-5
        return (loss(up) - loss(down)) / 2e-5
      }
      let found = run.gradient(name).map(Double.init)
      #expect(relativeError(found, expected) <= 1e-5, "\(name)")
    }
  }

  /// What the result does not depend on is no part of the plan.
  @Test func unusedParameter() throws {
    let run = try PlanRun([4, 5], .meanSquaredError) { x in
      _ = x.linear(weight: x.parameter(.test("unused", [3, 5])), bias: nil)
      return x.linear(weight: x.parameter(.test("v", [4, 5])), bias: nil)
    }
    #expect(run.names == ["v"] && run.layout.arenaCount == 32)
    try run.run(randomValues(20, stream: 1), targets: randomValues(16, stream: 2))
    #expect(!run.gradient("v").contains { !$0.isFinite })
  }
}
