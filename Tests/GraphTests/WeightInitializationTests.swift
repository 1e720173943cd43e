import Basics
import Graph
import Testing

@Suite struct WeightInitializationTests {
  /// Mean square of many elements against the rule's variance.
  @Test(
    arguments: WeightInitialization.allCases,
    [
      Parameter("w", shape: [64, 100], role: .weight, initializer: .constant(7)),
      Parameter("w", shape: [32, 16, 3, 5], role: .weight, initializer: .constant(7)),
    ])
  func variance(_ rule: WeightInitialization, _ parameter: Parameter) {
    let fanIn = parameter.shape.dropFirst().reduce(1, *)
    let fanOut = parameter.shape[0] * parameter.shape.dropFirst(2).reduce(1, *)
    let expected =
      switch rule {
      case .he: 2 / Double(fanIn)
      case .xavier: 2 / Double(fanIn + fanOut)
      case .lecun: 1 / Double(fanIn)
      case .normal: 1e-4
      }
    let count = parameter.shape.reduce(1, *)
    var values = [Float](repeating: .nan, count: count)
    rule.initializer(of: parameter).fill(&values, range: 0..<count, name: "w", seed: 3)
    let square = values.reduce(0) { $0 + Double($1 * $1) } / Double(count)
    // Four standard deviations of the mean square of 6400 normal numbers.
    #expect(abs(square / expected - 1) < 4 * (2.0 / 6400).squareRoot())
    let mean = values.reduce(0) { $0 + Double($1) } / Double(count)
    #expect(abs(mean) < 4 * (expected / Double(count)).squareRoot())
  }

  @Test func othersKeepTheirOwn() {
    let bias = Parameter("b", shape: [4], role: .bias, initializer: .uniform(bound: 1))
    let norm = Parameter("n", shape: [4], role: .norm, initializer: .constant(1))
    #expect(WeightInitialization.he.initializer(of: bias) == .constant(0))
    #expect(WeightInitialization.he.initializer(of: norm) == .constant(1))
  }
}
