import Basics
import Graph
import Models
import TestSupport
import Testing

/// Batch gradient descent on the textbooks' example, through a plan.
@Suite struct LeastSquaresTests {
  private struct Reference: Decodable {
    struct FullBatch: Decodable {
      let X: [[Float]]
      let y: [Float]
      let lr: Float
      let theta_after: [String: [Float]]
    }
    let full_batch: FullBatch
  }

  @Test func descends() throws {
    let reference = try Golden.json("least-squares", as: Reference.self).full_batch
    let model = Linear("", inputs: 2, outputs: 1, bias: false)
    let run = try PlanRun([4, 2], .meanSquaredError) { model($0) }
    #expect(run.names == ["weight"])
    for step in 1...100 {
      try run.run(Array(reference.X.joined()), targets: reference.y)
      run["weight"] = zip(run["weight"], run.gradient("weight")).map {
        $0 - reference.lr * ($1 / 4)
      }
      if let expected = reference.theta_after["\(step)"] {
        #expect(relativeError(run["weight"], expected) <= 1e-5, "step \(step)")
      }
    }
  }
}
