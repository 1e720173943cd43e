import Basics
import CKernels
import Glibc
import Graph
import TestSupport
import Testing

/// Operations on images: values and gradients against a reference in double precision, gradients
/// by central differences. The input is a parameter, so that its gradient is one of the plan.
@Suite struct ImageGradientTests {
  typealias Array4 = ImageReference.Array4

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let parameters: [String: [Int]]
    let model: @Sendable ((String) -> Tensor) -> Tensor
    let reference: @Sendable (Inputs) -> Array4

    var testDescription: String { name }
  }

  /// The parameters by name.
  struct Inputs {
    let arrays: [String: Array4]

    subscript(name: String) -> Array4 {
      guard let array = arrays[name] else { fatalError("no parameter \(name)") }
      return array
    }
  }

  static func convolution(
    _ name: String, x: [Int], weight: [Int], bias: Bool = true, stride: Int = 1, padding: Int = 0,
    dilation: Int = 1, groups: Int = 1
  ) -> Case {
    var parameters = ["x": x, "w": weight]
    if bias { parameters["b"] = [weight[0]] }
    return Case(
      name: name, parameters: parameters,
      model: { p in
        p("x").convolution(
          weight: p("w"), bias: bias ? p("b") : nil, stride: stride, padding: padding,
          dilation: dilation, groups: groups)
      },
      reference: { p in
        ImageReference.convolution(
          p["x"], p["w"], bias ? p["b"] : nil, stride: stride, padding: padding, dilation: dilation,
          groups: groups)
      })
  }

  static func pooling(
    _ name: String, kernel: Int, stride: Int, padding: Int, maximum: Bool
  ) -> Case {
    Case(
      name: name, parameters: ["x": [2, 3, 6, 7]],
      model: { p in
        maximum
          ? p("x").maxPool(kernel: kernel, stride: stride, padding: padding)
          : p("x").averagePool(kernel: kernel, stride: stride, padding: padding)
      },
      reference: { p in
        ImageReference.pool(
          p["x"], kernel: kernel, stride: stride, padding: padding,
          combine: maximum ? ImageReference.maximum : ImageReference.mean)
      })
  }

  static let norms: [Case] = [
    norm("batchnorm", x: [3, 5, 3, 4]) { _, c in c },
    norm("batchnorm, 17 channels", x: [2, 17, 4, 9]) { _, c in c },
    norm("batchnorm of vectors", x: [6, 5]) { _, c in c },
    norm("groupnorm", x: [3, 6, 3, 4], groups: 2) { n, c in 2 * n + c / 3 },
    norm("groupnorm of vectors", x: [3, 12], groups: 2) { n, c in 2 * n + c / 6 },
    norm("instance norm", x: [2, 18, 3, 3], groups: 18) { n, c in 18 * n + c },
  ]

  /// - Parameter groups: nil for a batch norm.
  static func norm(
    _ name: String, x: [Int], groups: Int? = nil,
    share: @escaping @Sendable (_ n: Int, _ c: Int) -> Int
  ) -> Case {
    var parameters = ["x": x, "w": [x[1]], "b": [x[1]]]
    if groups == nil { for name in ["mean", "variance"] { parameters[name] = [x[1]] } }
    return Case(
      name: name, parameters: parameters,
      model: { p in
        if let groups {
          return relu(p("x").groupNorm(weight: p("w"), bias: p("b"), groups: groups))
        }
        return relu(
          p("x").batchNorm(
            weight: p("w"), bias: p("b"), runningMean: p("mean"), runningVariance: p("variance")))
      },
      reference: { p in
        let image = Array4(x.count == 4 ? x : x + [1, 1], p["x"].values)
        let y = ImageReference.norm(image, p["w"], p["b"], share: share).map { max(0, $0) }
        return Array4(x, y.values)
      })
  }

  static func softmaxCase(
    _ name: String, _ row: @escaping @Sendable ([Double]) -> [Double]
  ) -> Case {
    Case(
      name: name, parameters: ["x": [3, 17]],
      model: { p in
        let x = Graph.tanh(p("x"))
        return (name == "softmax" ? softmax(x) : logSoftmax(x)) + x
      },
      reference: { p in
        let x = Reference.matrix(p["x"].values.map { Reference.value(.tanh, $0) }, 17)
        return Array4([3, 17], x.flatMap { values in zip(row(values), values).map { $0 + $1 } })
      })
  }

  static let cases: [Case] =
    norms + [
      convolution("conv", x: [2, 3, 6, 5], weight: [4, 3, 3, 3]),
      convolution("conv, one channel", x: [3, 1, 5, 5], weight: [16, 1, 3, 3], padding: 1),
      convolution("conv, 16 channels", x: [2, 16, 4, 4], weight: [16, 16, 3, 3], padding: 1),
      convolution(
        "conv, stride", x: [2, 5, 7, 6], weight: [3, 5, 3, 3], bias: false, stride: 2, padding: 1),
      convolution("conv 1×1, stride", x: [2, 4, 5, 5], weight: [6, 4, 1, 1], stride: 2),
      convolution(
        "conv, dilation", x: [2, 2, 7, 7], weight: [3, 2, 3, 3], padding: 2, dilation: 2),
      convolution("conv, groups", x: [2, 4, 5, 5], weight: [6, 2, 3, 3], padding: 1, groups: 2),
      convolution(
        "conv, depthwise", x: [2, 3, 5, 5], weight: [3, 1, 3, 3], padding: 1, groups: 3),
      convolution("conv, oblong", x: [2, 3, 6, 6], weight: [4, 3, 2, 5], padding: 1),
      pooling("maxpool", kernel: 2, stride: 2, padding: 0, maximum: true),
      pooling("maxpool, overlapping", kernel: 3, stride: 1, padding: 1, maximum: true),
      pooling("avgpool", kernel: 2, stride: 2, padding: 0, maximum: false),
      pooling("avgpool, overlapping", kernel: 3, stride: 2, padding: 1, maximum: false),
      Case(
        name: "global-avgpool", parameters: ["x": [2, 3, 5, 4]],
        model: { p in p("x").globalAveragePool() },
        reference: { p in
          let x = p["x"]
          let means = stride(from: 0, to: x.values.count, by: 20).map { start in
            x.values[start..<start + 20].reduce(0, +) / 20
          }
          return Array4([2, 3], means)
        }),
      Case(
        name: "concat", parameters: ["x": [2, 3, 4, 4], "w": [5, 3, 1, 1]],
        model: { p in
          let branch = p("x").convolution(weight: p("w"), bias: nil)
          return concatenated([branch, p("x"), Graph.tanh(branch), branch])
        },
        reference: { p in
          let branch = ImageReference.convolution(
            p["x"], p["w"], nil, stride: 1, padding: 0, dilation: 1, groups: 1)
          return ImageReference.concatenation([
            branch, p["x"], branch.map { Reference.value(.tanh, $0) }, branch,
          ])
        }),
      softmaxCase("softmax") { row in
        let sum = row.reduce(0) { $0 + exp($1) }
        return row.map { exp($0) / sum }
      },
      softmaxCase("log-softmax") { row in
        let sum = row.reduce(0) { $0 + exp($1) }
        return row.map { $0 - log(sum) }
      },
      // The norm's gradient is added to another's.
      Case(
        name: "residual",
        parameters: ["x": [2, 3, 4, 4], "w": [3], "b": [3], "mean": [3], "variance": [3]],
        model: { p in
          let x = Graph.tanh(p("x"))
          let body = x.batchNorm(
            weight: p("w"), bias: p("b"), runningMean: p("mean"), runningVariance: p("variance"))
          return relu(body.adding(x, layer: "residual")) + x
        },
        reference: { p in
          let x = p["x"].map { Reference.value(.tanh, $0) }
          let body = ImageReference.norm(x, p["w"], p["b"]) { _, c in c }
          return Array4(x.shape, zip(body.values, x.values).map { max(0, $0 + $1) + $1 })
        }),
      // A fused ReLU, two consumers of one image in both layouts, a flattening that turns.
      Case(
        name: "both layouts", parameters: ["x": [2, 2, 4, 4], "w": [3, 2, 3, 3], "v": [5, 48]],
        model: { p in
          let hidden = relu(p("x").convolution(weight: p("w"), bias: nil, padding: 1))
          let pooled = hidden.maxPool(kernel: 3, stride: 1, padding: 1)
          return (pooled + hidden).flattened().linear(weight: p("v"), bias: nil)
            + hidden.flattened().linear(weight: p("v"), bias: nil)
        },
        reference: { p in
          let hidden = ImageReference.convolution(
            p["x"], p["w"], nil, stride: 1, padding: 1, dilation: 1, groups: 1
          ).map { max(0, $0) }
          let pooled = ImageReference.pool(
            hidden, kernel: 3, stride: 1, padding: 1, combine: ImageReference.maximum)
          let sum = zip(pooled.values, hidden.values).map { $0 + 2 * $1 }
          let rows = Reference.linear(
            Reference.matrix(sum, 48), Reference.matrix(p["v"].values, 48))
          return Array4([2, 5], Array(rows.joined()))
        }),
      // The same weights twice: the second gradient is added.
      Case(
        name: "tied", parameters: ["x": [2, 3, 5, 5], "w": [3, 3, 3, 3], "b": [3]],
        model: { p in
          (0..<2).reduce(p("x")) { value, _ in
            value.convolution(weight: p("w"), bias: p("b"), padding: 1)
          }
        },
        reference: { p in
          (0..<2).reduce(p["x"]) { value, _ in
            ImageReference.convolution(
              value, p["w"], p["b"], stride: 1, padding: 1, dilation: 1, groups: 1)
          }
        }),
    ]

  @Test(arguments: cases) func agreesWithCentralDifferences(_ test: Case) throws {
    let batch = test.parameters["x"]?[0] ?? 1
    let run = try PlanRun([batch, 1], .meanSquaredError) { input in
      test.model { input.parameter(.test($0, test.parameters[$0] ?? [])) }
    }
    for name in run.names {
      run[name] = randomValues(run[name].count, stream: stableHash(name))
    }
    let targets = randomValues(run.output.count, stream: 2)
    let sums = try run.run(Array(repeating: 0, count: batch), targets: targets)

    func output(_ values: [String: [Double]]) -> Array4 {
      let arrays = values.map { ($0.key, Array4(test.parameters[$0.key] ?? [], $0.value)) }
      return test.reference(Inputs(arrays: Dictionary(uniqueKeysWithValues: arrays)))
    }
    func loss(_ values: [String: [Double]]) -> Double {
      zip(output(values).values, targets).reduce(0) {
        $0 + ($1.0 - Double($1.1)) * ($1.0 - Double($1.1))
      }
    }
    let start = Dictionary(uniqueKeysWithValues: run.names.map { ($0, run[$0].map(Double.init)) })
    let expected = output(start)
    #expect(run.plan.outputShape.extents == expected.shape)
    #expect(relativeError(run.output.map(Double.init), expected.values) <= 2e-6)
    #expect(relativeError([sums.loss], [loss(start)]) <= 1e-6)
    // Running statistics leave no gradient in its place.
    for name in run.names where name != "mean" && name != "variance" {
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
}
