import Basics
import Optimizers
import TestSupport
import Testing
import Training

/// Against `torch.optim.SGD` with the hosts' mean change for a gradient, in float64:
/// `Tests/Peers/outer_step_golden.py`.
@Suite struct OuterUpdateTests {
  let golden: Golden

  init() throws { golden = try Golden("outer-step") }

  private static let cases = [(0.7, 0.9, "0.7", "0.9"), (0.4, 0.5, "0.4", "0.5"), (1, 0, "1", "0")]

  /// What every host has come to in a round, one after the other.
  private func copies(_ round: Int) -> AlignedBuffer<Float> {
    buffer(golden.row("hosts", round))
  }

  private func buffer(_ values: [Float]) -> AlignedBuffer<Float> {
    let buffer = AlignedBuffer<Float>(count: values.count)
    buffer.pointer.update(from: values, count: values.count)
    return buffer
  }

  private func update(rate: Double = 1, momentum: Double = 0) throws -> OuterUpdate {
    var configuration = RunConfiguration()
    configuration.localSteps = 2
    configuration.outerMomentum = momentum
    return OuterUpdate(
      optimizer: try #require(try configuration.makeOuterOptimizer()), learningRate: rate,
      hosts: golden.shape("hosts")[1], longest: 13)
  }

  @Test(arguments: cases)
  func `Outer steps are PyTorch's`(
    rate: Double, momentum: Double, rateText: String, momentumText: String
  ) throws {
    let name = "rate \(rateText) momentum \(momentumText)"
    let update = try update(rate: rate, momentum: momentum)
    let (start, velocity) = (buffer(golden["start"]), AlignedBuffer<Float>(count: 23))
    for round in 0..<golden.shape("hosts")[0] {
      let copies = copies(round)
      for block in [0..<10, 10..<23] {
        var state = velocity.pointer + block.lowerBound
        update.move(start.pointer + block.lowerBound, state: &state, count: block.count) {
          UnsafePointer(copies.pointer + $0 * 23 + block.lowerBound)
        }
      }
      let error = relativeError(start.elements, golden.row(name, round))
      #expect(error <= 1e-6, "round \(round): \(error)")
      guard momentum > 0 else { continue }
      let buffer = relativeError(velocity.elements, golden.row(name + " buffer", round))
      #expect(buffer <= 1e-6, "buffer of round \(round): \(buffer)")
    }
  }

  @Test func `Statistics and state become the mean`() throws {
    let update = try update()
    for round in 0..<golden.shape("hosts")[0] {
      let copies = copies(round)
      let (statistic, state) = (buffer(golden["start"]), buffer(golden["start"]))
      for block in [0..<10, 10..<23] {
        func copy(_ host: Int) -> UnsafePointer<Float> {
          UnsafePointer(copies.pointer + host * 23 + block.lowerBound)
        }
        update.settle(statistic.pointer + block.lowerBound, count: block.count, copies: copy)
        update.average(state.pointer + block.lowerBound, count: block.count, copies: copy)
      }
      #expect(relativeError(statistic.elements, golden.row("mean", round)) <= 1e-6)
      #expect(relativeError(state.elements, golden.row("mean", round)) <= 1e-6)
    }
  }
}
