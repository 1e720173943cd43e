import Basics
import Graph
import TestSupport
import Testing

/// Layers against PyTorch. A layer's x is a parameter here, so that dx is a gradient of the plan;
/// its upstream gradient dy comes from the squared error against y − dy/2, which is 2(y − t) = dy.
@Suite struct LayerGoldenTests {
  static let activations: [(String, Activation)] = [
    ("relu", .relu), ("leaky_relu", .leakyRelu(slope: 0.1)), ("elu", .elu),
    ("gelu", .gelu(tanh: false)), ("gelu_tanh", .gelu(tanh: true)), ("silu", .silu),
    ("sigmoid", .sigmoid), ("tanh", .tanh), ("softplus", .softplus),
  ]

  @Test func everyActivationIsTested() {
    #expect(Set(Self.activations.map(\.1)) == Set(Activation.all))
  }

  @Test(arguments: activations.indices) func activation(_ index: Int) throws {
    let (name, activation) = Self.activations[index]
    try compare(name) { x, _ in x.applying(activation) }
  }

  @Test func softmaxes() throws {
    try compare("softmax") { x, _ in softmax(x) }
    try compare("log_softmax") { x, _ in logSoftmax(x) }
  }

  @Test(arguments: ["linear", "linear-no-bias", "linear-3d"]) func linear(_ name: String) throws {
    try compare(name) { x, parameter in
      x.linear(weight: parameter("weight") ?? x, bias: parameter("bias"))
    }
  }

  static let convolutions: [(String, stride: Int, padding: Int, dilation: Int, groups: Int)] = [
    ("conv3", 1, 0, 1, 1), ("conv3_pad_stride", 2, 1, 1, 1), ("conv1", 1, 0, 1, 1),
    ("conv5_pad2", 1, 2, 1, 1), ("conv3_dilated", 1, 2, 2, 1), ("conv3_groups", 1, 1, 1, 4),
    ("conv3_no_bias", 1, 1, 1, 1),
  ]

  @Test(arguments: convolutions.indices) func convolution(_ index: Int) throws {
    let (name, stride, padding, dilation, groups) = Self.convolutions[index]
    try compare(name) { x, parameter in
      x.convolution(
        weight: parameter("weight") ?? x, bias: parameter("bias"), stride: stride,
        padding: padding, dilation: dilation, groups: groups)
    }
  }

  @Test func pooling() throws {
    try compare("maxpool2") { x, _ in x.maxPool(kernel: 2) }
    try compare("maxpool3_stride2_pad1") { x, _ in x.maxPool(kernel: 3, stride: 2, padding: 1) }
    try compare("avgpool2") { x, _ in x.averagePool(kernel: 2) }
    try compare("avgpool3_stride1_pad1") { x, _ in x.averagePool(kernel: 3, stride: 1, padding: 1) }
    try compare("global_avgpool") { x, _ in x.globalAveragePool() }
  }

  @Test func layerNormalization() throws {
    try compare("layernorm") { x, parameter in
      x.layerNorm(weight: parameter("weight") ?? x, bias: parameter("bias") ?? x)
    }
  }

  @Test(arguments: ["causal", "full"]) func attention(_ kind: String) throws {
    try compare("attention_\(kind)") { x, parameter in
      x.linear(weight: parameter("qkv.weight") ?? x, bias: parameter("qkv.bias"))
        .attended(heads: 3, causal: kind == "causal")
        .linear(weight: parameter("proj.weight") ?? x, bias: parameter("proj.bias"))
    }
  }

  @Test(arguments: ["lstm", "lstm2", "gru", "rnn_tanh"]) func recurrent(_ name: String) throws {
    let cell: Recurrent.Cell = name == "gru" ? .gru : name == "rnn_tanh" ? .rnn : .lstm
    try compare(name) { x, parameter in
      (0..<(name == "lstm2" ? 2 : 1)).reduce(x) { value, layer in
        let weights = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].compactMap {
          parameter("\($0)_l\(layer)")
        }
        return value.recurrent(cell, weights: weights, lastOnly: false, layer: name)
      }
    }
  }

  @Test func embedding() throws {
    let golden = try Golden("layers")
    let run = try PlanRun(
      Shape(golden.shape("embedding.x_i64")), vocabulary: 11, .meanSquaredError
    ) { tokens in
      tokens.embedded(tokens.parameter(.test("weight", golden.shape("embedding.p.weight"))))
    }
    run["weight"] = golden["embedding.p.weight"]
    let (y, dy) = (golden["embedding.y"], golden["embedding.dy"])
    try run.run(
      golden["embedding.x_i64"], targets: zip(y, dy).map { $0 - $1 / 2 }, takesTokens: true)
    #expect(run.output == y)
    #expect(relativeError(run.gradient("weight"), golden["embedding.dp.weight"]) <= 2e-6)
  }

  /// PyTorch's momentum 0.1 applied to the sums in the place of the gradients gives its running
  /// statistics, which start at 0 and 1.
  @Test(arguments: ["batchnorm2d", "batchnorm1d"]) func batchNorm(_ name: String) throws {
    let golden = try Golden("layers")
    let run = try compare(name, statistics: true, Self.batchNorm)
    let count = Float(golden[name + ".x"].count / golden.shape(name + ".p.weight")[0])
    for (statistic, start) in [("running_mean", Float(0)), ("running_var", 1)] {
      let after = run.gradient(statistic).map { 0.9 * start + 0.1 * $0 / count }
      #expect(relativeError(after, golden["\(name).after.\(statistic)"]) <= 2e-5)
    }
  }

  @Test func batchNormInEvaluation() throws {
    let (golden, name) = (try Golden("layers"), "batchnorm2d_eval")
    let run = try PlanRun(Shape(golden.shape(name + ".x")), .meanSquaredError, mode: .evaluation) {
      input in
      Self.batchNorm(input) { input.parameter(.test($0, [6])) }
    }
    for parameter in run.names {
      let kind = parameter.hasPrefix("running") ? "before" : "p"
      run[parameter] = golden["\(name).\(kind).\(parameter)"]
    }
    try run.run(golden[name + ".x"], targets: golden[name + ".y"])
    #expect(relativeError(run.output, golden[name + ".y"]) <= 2e-5)
  }

  private static func batchNorm(_ x: Tensor, _ parameter: (String) -> Tensor?) -> Tensor {
    x.batchNorm(
      weight: parameter("weight") ?? x, bias: parameter("bias") ?? x,
      runningMean: parameter("running_mean") ?? x, runningVariance: parameter("running_var") ?? x)
  }

  @Test func groupNorm() throws {
    try compare("groupnorm") { x, parameter in
      x.groupNorm(
        weight: parameter("weight") ?? x, bias: parameter("bias") ?? x, groups: 2)
    }
  }

  /// - Parameter statistics: whether the layer has running statistics, which have no gradient.
  @discardableResult
  private func compare(
    _ name: String, statistics: Bool = false, _ layer: (Tensor, (String) -> Tensor?) -> Tensor
  ) throws -> PlanRun {
    let golden = try Golden("layers")
    let shape = golden.shape("\(name).x")
    let run = try PlanRun(Shape(shape), .meanSquaredError) { input in
      layer(input.parameter(.test("x", shape))) { parameter in
        let isStatistic = statistics && parameter.hasPrefix("running")
        let shape = golden.shape("\(name).p.\(isStatistic ? "weight" : parameter)")
        return shape.isEmpty ? nil : input.parameter(.test(parameter, shape))
      }
    }
    let parameters = run.names.filter { !statistics || !$0.hasPrefix("running") }
    for parameter in parameters {
      run[parameter] = golden[parameter == "x" ? "\(name).x" : "\(name).p.\(parameter)"]
    }
    let (y, dy) = (golden["\(name).y"], golden["\(name).dy"])
    try run.run(golden["\(name).x"], targets: zip(y, dy).map { $0 - $1 / 2 })
    var errors = [relativeError(run.output, y)]
    #expect(errors[0] <= 2e-5)
    for parameter in parameters {
      let expected = golden[parameter == "x" ? "\(name).dx" : "\(name).dp.\(parameter)"]
      let error = relativeError(run.gradient(parameter), expected)
      #expect(error <= 2e-5, "\(parameter)")
      errors.append(error)
    }
    Golden.report("layer \(name)", worst: errors)
    return run
  }
}
