import Basics
import CKernels
import Graph
import Models
import TestSupport
import Testing

@Suite struct PerceptronTests {
  /// Rosenblatt's rule written down: each sample moves the units it is wrong about by itself.
  @Test func followsThePerceptronRule() throws {
    let model = try Zoo.model(
      named: "perceptron", for: ModelContext(sampleShape: [4], outputs: 3))
    let run = try PlanRun([1, 4], .classes(.perceptron)) { model($0) }
    let samples = (0..<30).map { randomValues(4, stream: UInt64($0)) }
    var weights = Array(repeating: [Float](repeating: 0, count: 5), count: 3)
    for (index, x) in samples.enumerated() {
      let label = index % 3
      let sums = try run.run(x, targets: [Float(label)], takesClasses: true)
      var loss: Float = 0
      for unit in 0..<3 {
        var z: Float = 0
        for (weight, value) in zip(weights[unit], x + [1]) { z += weight * value }
        let error: Float = (unit == label ? 1 : 0) - (z > 0 ? 1 : 0)
        loss -= error * z
        for (position, value) in (x + [1]).enumerated() { weights[unit][position] += error * value }
      }
      #expect(abs(sums.loss - Double(loss)) < 1e-4)
      for name in run.names {
        run[name] = zip(run[name], run.gradient(name)).map { $0 - $1 }
      }
      #expect(relativeError(run["weight"], weights.flatMap { $0.prefix(4) }) < 1e-5)
      #expect(relativeError(run["bias"], weights.map { $0[4] }) < 1e-5)
    }
  }

  /// A linearly separable set is learned without an error: Novikoff's theorem.
  @Test func separates() throws {
    let model = Perceptron(ModelContext(sampleShape: [2], outputs: 2))
    let run = try PlanRun([1, 2], .classes(.perceptron)) { model($0) }
    func side(_ x: [Float]) -> Float { x[0] - 2 * x[1] + 0.5 }
    let samples = (0..<60).map { randomValues(2, stream: UInt64($0)) }.filter {
      abs(side($0)) > 0.2
    }
    var wrong = 1
    for _ in 0..<200 where wrong > 0 {
      wrong = 0
      for x in samples {
        try run.run(x, targets: [side(x) > 0 ? 1 : 0], takesClasses: true)
        if run.names.contains(where: { run.gradient($0).contains { $0 != 0 } }) { wrong += 1 }
        for name in run.names {
          run[name] = zip(run[name], run.gradient(name)).map { $0 - $1 }
        }
      }
    }
    #expect(samples.count > 40 && wrong == 0)
  }
}
