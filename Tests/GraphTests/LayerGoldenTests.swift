import Basics
import CKernels
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

  @Test(arguments: ["linear", "linear-no-bias", "linear-3d"]) func linear(_ name: String) throws {
    try compare(name) { x, parameter in
      x.linear(weight: parameter("weight") ?? x, bias: parameter("bias"))
    }
  }

  private func compare(
    _ name: String, _ layer: (Tensor, (String) -> Tensor?) -> Tensor
  ) throws {
    let golden = try Golden("layers")
    let shape = golden.shape("\(name).x")
    let run = try PlanRun(Shape(shape), .meanSquaredError) { input in
      layer(input.parameter(.test("x", shape))) { parameter in
        let shape = golden.shape("\(name).p.\(parameter)")
        return shape.isEmpty ? nil : input.parameter(.test(parameter, shape))
      }
    }
    for parameter in run.names {
      run[parameter] = golden[parameter == "x" ? "\(name).x" : "\(name).p.\(parameter)"]
    }
    let (y, dy) = (golden["\(name).y"], golden["\(name).dy"])
    try run.run(golden["\(name).x"], targets: zip(y, dy).map { $0 - $1 / 2 })
    #expect(relativeError(run.output, y) <= 2e-5)
    for parameter in run.names {
      let expected = golden[parameter == "x" ? "\(name).dx" : "\(name).dp.\(parameter)"]
      #expect(relativeError(run.gradient(parameter), expected) <= 2e-5, "\(parameter)")
    }
  }

  @Test func crossEntropy() throws {
    let golden = try Golden("losses")
    let logits = golden["logits"]
    var gradient = [Float](repeating: .nan, count: logits.count)
    var sums = ck_loss_sums()
    ck_softmax_cross_entropy(
      logits, golden["class_i64"].map { Int32($0) }, &gradient, 6, 5, &sums)
    #expect(sums.weight == 6)
    #expect(relativeError([sums.loss / 6], golden["cross-entropy"].map(Double.init)) <= 1e-6)
    #expect(relativeError(gradient.map { $0 / 6 }, golden["cross-entropy.grad"]) <= 1e-6)
  }

  @Test func meanSquaredError() throws {
    let golden = try Golden("losses")
    let (logits, target) = (golden["logits"], golden["target"])
    var gradient = [Float](repeating: .nan, count: logits.count)
    var sums = ck_loss_sums()
    ck_mean_squared_error(logits, target, &gradient, logits.count, &sums)
    let mean = sums.loss / sums.weight
    #expect(relativeError([mean], golden["mse"].map(Double.init)) <= 1e-6)
    #expect(relativeError(gradient.map { $0 / 30 }, golden["mse.grad"]) <= 1e-6)
    let absolute = [sums.absolute / sums.weight]
    #expect(relativeError(absolute, golden["mae"].map(Double.init)) <= 1e-6)
  }

  /// Evaluation computes the loss without a gradient, by another loop: the same bits.
  @Test(arguments: [1, 2, 10, 16, 17, 255, 256, 257, 1000]) func lossWithoutGradient(
    _ classes: Int
  ) {
    let logits = randomValues(3 * classes, stream: UInt64(classes), scale: 5)
    let target = [0, classes / 2, classes - 1].map { Int32($0) }
    var gradient = [Float](repeating: .nan, count: logits.count)
    var (with, without) = (ck_loss_sums(), ck_loss_sums())
    ck_softmax_cross_entropy(logits, target, &gradient, 3, classes, &with)
    ck_softmax_cross_entropy(logits, target, nil, 3, classes, &without)
    #expect(with.loss == without.loss && with.correct == without.correct)
    #expect(!gradient.contains { !$0.isFinite })
    #expect(abs(gradient.reduce(0, +)) < 1e-5, "a row of softmax − onehot sums to 0")
  }

  /// Logits far apart neither overflow nor lose the loss.
  @Test func crossEntropyOfExtremeLogits() {
    var gradient: [Float] = [0, 0, 0]
    var sums = ck_loss_sums()
    ck_softmax_cross_entropy([3e38, -3e38, 0], [0], &gradient, 1, 3, &sums)
    #expect(sums.loss == 0 && gradient == [0, 0, 0] && sums.correct == 1)
    ck_softmax_cross_entropy([1000, 0, -1000], [1], &gradient, 1, 3, &sums)
    #expect(sums.loss == 1000 && gradient == [1, -1, 0] && sums.correct == 1)
  }
}
