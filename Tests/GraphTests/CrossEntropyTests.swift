import Basics
import CKernels
import Graph
import TestSupport
import Testing

@Suite struct CrossEntropyTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let golden: String
    var isWeighted = false
    var smoothing = 0.0
    var testDescription: String { golden }
  }

  static let cases = [
    Case(golden: "plain"), Case(golden: "weighted", isWeighted: true),
    Case(golden: "smoothed", smoothing: 0.1),
    Case(golden: "weighted-smoothed", isWeighted: true, smoothing: 0.3),
  ]

  /// One class a position of `[batch, T, classes]`, some of them ignored.
  @Test(arguments: cases) func followsPyTorch(_ test: Case) throws {
    let golden = try Golden("cross-entropy")
    let weights = test.isWeighted ? golden["weights"] : nil
    let loss = Loss.classes(
      .crossEntropy(ClassSettings(smoothing: test.smoothing, weights: weights)))
    let run = try PlanRun([3, 4, 21], loss) { $0.parameter(.test("logits", [3, 4, 21])) + $0 }
    run["logits"] = golden["logits"]
    let labels = golden["class_i64"]
    let sums = try run.run(
      Array(repeating: 0, count: 252), targets: labels, takesClasses: true)
    let counted = labels.filter { Int32($0) != ClassLoss.ignoredLabel }
    #expect(counted.count == 10)
    let weight = counted.reduce(0) { $0 + Double(weights?[Int($1)] ?? 1) }
    #expect(abs(sums.weight - weight) < 1e-12)
    let mean = [sums.loss / sums.weight]
    #expect(relativeError(mean, golden[test.golden].map(Double.init)) <= 2e-6)
    let gradient = run.gradient("logits").map { $0 / Float(sums.weight) }
    #expect(relativeError(gradient, golden["\(test.golden).grad"]) <= 2e-6)
  }

  /// What evaluation computes without a gradient has the same bits, and the gradient may take the
  /// logits' place. Rows of every length around the width of a register and of a stretch.
  @Test(arguments: [1, 2, 10, 15, 16, 17, 31, 33, 255, 256, 257, 1000, 1023, 1025, 5000])
  func everyWayHasTheSameBits(_ classes: Int) {
    let logits = randomValues(3 * classes, stream: UInt64(classes), scale: classes < 10 ? 1 : 5)
    let labels = [0, classes / 2, classes - 1].map { Int32($0) }
    let weights = (0..<classes).map { 0.5 + Float($0 % 3) }
    for (weights, smoothing) in [(nil, 0), (nil, 0.1), (weights, 0.2)] as [([Float]?, Double)] {
      let loss = ClassSettings(smoothing: smoothing, weights: weights)
      var gradient = [Float](repeating: .nan, count: logits.count)
      var inPlace = logits
      var sums = [ck_loss_sums](repeating: ck_loss_sums(), count: 3)
      func run(_ x: UnsafePointer<Float>, _ g: UnsafeMutablePointer<Float>?, _ index: Int) {
        ck_cross_entropy(
          x, labels, g, 3, classes, loss.weights, loss.smoothing, &sums[index])
      }
      run(logits, &gradient, 0)
      run(logits, nil, 1)
      inPlace.withUnsafeMutableBufferPointer { buffer in
        if let base = buffer.baseAddress { run(UnsafePointer(base), base, 2) }
      }
      #expect(sums[0].loss == sums[1].loss && sums[0].weight == sums[1].weight)
      #expect(sums[0].loss == sums[2].loss && sameBits(gradient, inPlace))
      let reference = Reference.crossEntropy(
        logits.map(Double.init), labels: labels, loss)
      #expect(relativeError([sums[0].loss], [reference.loss]) <= 1e-6)
      #expect(relativeError(gradient.map(Double.init), reference.gradient) <= 2e-6)
    }
  }

  /// Logits far apart neither overflow nor lose the loss; masked classes are −∞.
  @Test func extremeLogits() {
    var gradient: [Float] = [0, 0, 0]
    func loss(_ logits: [Float], _ label: Int32) -> Double {
      var sums = ck_loss_sums()
      ck_cross_entropy(logits, [label], &gradient, 1, 3, nil, 0, &sums)
      return sums.loss
    }
    #expect(loss([3e38, -3e38, 0], 0) == 0 && gradient == [0, 0, 0])
    #expect(loss([1000, 0, -1000], 1) == 1000 && gradient == [1, -1, 0])
    #expect(loss([-.infinity, 2, -.infinity], 1) == 0 && gradient == [0, 0, 0])
    #expect(loss([-.infinity, 2, 2], 0) == .infinity)
    for bad in [[.nan, 0, 0], [0, 0, .infinity], [-.infinity, -.infinity, -.infinity]] as [[Float]]
    {
      #expect(loss(bad, 1).isNaN && gradient.contains { $0.isNaN })
    }
  }

  /// Neither reads outside a row nor passes in silence.
  @Test(arguments: [-1, 3, Int32.min, Int32.max]) func labelOutsideTheClasses(_ label: Int32) {
    var sums = ck_loss_sums()
    var gradient: [Float] = [1, 1, 1, 1, 1, 1]
    ck_cross_entropy([0, 0, 0, 1, 2, 3], [label, 0], &gradient, 2, 3, nil, 0, &sums)
    #expect(sums.loss.isNaN && sums.weight == 1 && gradient.prefix(3) == [0, 0, 0])
  }
}
