import Basics
import CKernels
import Optimizers
import TestSupport
import Testing

/// One optimizer with its settings, and the golden tensor of that name: parameters after each step.
struct OptimizerCase: Sendable, CustomTestStringConvertible {
  let name: String
  let optimizer: String
  let rate: Double
  var settings = HyperParameters()
  /// The golden file that has it.
  var file = "optimizers"

  init(
    _ name: String, _ optimizer: String, rate: Double, _ settings: [HyperParameter: [Double]] = [:]
  ) {
    self.name = name
    self.optimizer = optimizer
    self.rate = rate
    for (key, value) in settings { self.settings[key] = value }
  }

  var testDescription: String { name }

  static let all =
    [
      OptimizerCase("sgd", "sgd", rate: 0.05),
      OptimizerCase("momentum", "momentum", rate: 0.05),
      OptimizerCase(
        "momentum-dampening", "momentum", rate: 0.05, [.momentum: [0.8], .dampening: [0.1]]),
      OptimizerCase("nesterov", "nesterov", rate: 0.05),
      OptimizerCase("sgd-l2", "sgd", rate: 0.05, [.momentum: [0.9], .weightDecay: [0.01]]),
      OptimizerCase("adagrad", "adagrad", rate: 0.05),
      OptimizerCase(
        "adagrad-decay", "adagrad", rate: 0.05, [.lrDecay: [0.01], .initialAccumulator: [0.1]]),
      OptimizerCase("adadelta", "adadelta", rate: 1),
      OptimizerCase("rmsprop", "rmsprop", rate: 0.01),
      OptimizerCase(
        "rmsprop-centered-momentum", "rmsprop", rate: 0.01,
        [.alpha: [0.95], .centered: [1], .momentum: [0.9]]),
      OptimizerCase("adam", "adam", rate: 0.05),
      OptimizerCase(
        "adam-l2", "adam", rate: 0.05, [.weightDecay: [0.02], .betas: [0.85, 0.99]]),
      OptimizerCase("amsgrad", "amsgrad", rate: 0.05),
      OptimizerCase("adamw", "adamw", rate: 0.05),
      OptimizerCase(
        "adamw-decay", "adamw", rate: 0.05, [.weightDecay: [0.1], .betas: [0.9, 0.95]]),
      OptimizerCase("adamax", "adamax", rate: 0.05),
      OptimizerCase("nadam", "nadam", rate: 0.05),
      OptimizerCase("radam", "radam", rate: 0.05),
      OptimizerCase("rprop", "rprop", rate: 0.05),
      OptimizerCase("lion", "lion", rate: 0.01, [.weightDecay: [0.1]]),
      OptimizerCase("lamb", "lamb", rate: 0.02, [.weightDecay: [0.01]]),
    ] + more

  /// What `Tests/Peers/optimizer_golden.py` makes.
  private static let more = [
    OptimizerCase("nesterov-l2", "nesterov", rate: 0.05, [.momentum: [0.8], .weightDecay: [0.02]]),
    OptimizerCase("adagrad-l2", "adagrad", rate: 0.05, [.eps: [1e-3], .weightDecay: [0.02]]),
    OptimizerCase(
      "adadelta-l2", "adadelta", rate: 0.7, [.rho: [0.8], .eps: [1e-4], .weightDecay: [0.02]]),
    OptimizerCase("rmsprop-l2", "rmsprop", rate: 0.01, [.eps: [1e-3], .weightDecay: [0.02]]),
    OptimizerCase("adamw-amsgrad", "adamw", rate: 0.05, [.weightDecay: [0.1], .amsgrad: [1]]),
    OptimizerCase(
      "adamax-l2", "adamax", rate: 0.05,
      [.betas: [0.8, 0.9], .eps: [1e-3], .weightDecay: [0.02]]),
    OptimizerCase(
      "nadam-l2", "nadam", rate: 0.05,
      [.betas: [0.8, 0.99], .momentumDecay: [0.05], .weightDecay: [0.02]]),
    OptimizerCase(
      "radam-l2", "radam", rate: 0.05,
      [.betas: [0.8, 0.99], .eps: [1e-3], .weightDecay: [0.02]]),
    OptimizerCase(
      "rprop-etas", "rprop", rate: 0.05, [.etas: [0.3, 1.5], .stepSizes: [0.01, 0.1]]),
    OptimizerCase("lars", "lars", rate: 1),
    OptimizerCase(
      "lars-decay", "lars", rate: 20,
      [.momentum: [0.8], .trustCoefficient: [2e-3], .weightDecay: [0.05]]),
  ].map { test in
    var test = test
    test.file = "optimizers-more"
    return test
  }
}

/// One parameter tensor with its gradient and state, updated slice by slice.
final class FlatRun {
  let optimizer: any Optimizer
  let rate: Double
  private let parameterArena: AlignedBuffer<Float>
  private let gradientArena: AlignedBuffer<Float>
  private let stateArenas: [AlignedBuffer<Float>]

  init(_ test: OptimizerCase, parameters: [Float], state: [[Float]]? = nil) throws {
    optimizer = try OptimizerRegistry.make(test.optimizer, test.settings)
    rate = test.rate
    parameterArena = FlatRun.arena(parameters)
    gradientArena = AlignedBuffer(count: parameters.count)
    let zero = [Float](repeating: 0, count: parameters.count)
    stateArenas = (state ?? optimizer.stateNames.map { _ in zero }).map(FlatRun.arena)
  }

  var parameters: [Float] { Array(parameterArena.elements) }
  var state: [[Float]] { stateArenas.map { Array($0.elements) } }

  /// Update number `step` over the slices between `borders`.
  /// - Parameter weightDecay: nil is the optimizer's own.
  func update(
    _ gradient: [Float], step: Int, borders: [Int] = [], rate: Double? = nil,
    weightDecay: Double? = nil, rateFactor: Double = 1, momentum: Double? = nil
  ) {
    let scalars = optimizer.scalars(
      step: step, learningRate: rate ?? self.rate, momentum: momentum)
    gradientArena.pointer.update(from: gradient, count: gradient.count)
    let all = [0] + borders + [gradient.count]
    let slices = zip(all, all.dropFirst()).map { $0..<$1 }
    var norms = (parameters: 0.0, direction: 0.0)
    func visit(_ body: (UpdateBlock) -> Void) {
      for slice in slices {
        // One pointer too many, so that an optimizer without state has an address to be given.
        let pointers = (stateArenas + [gradientArena]).map { $0.pointer + slice.lowerBound }
        pointers.withUnsafeBufferPointer {
          guard let state = $0.baseAddress else { return }
          var block = UpdateBlock(
            parameters: parameterArena.pointer + slice.lowerBound,
            gradient: gradientArena.pointer + slice.lowerBound, state: state, count: slice.count,
            weightDecay: weightDecay ?? optimizer.weightDecay)
          block.rateFactor = rateFactor
          block.norms = norms
          body(block)
        }
      }
    }
    if optimizer.needsTensorNorms {
      visit { optimizer.prepare($0, scalars) }
      norms = (norm(parameterArena), norm(gradientArena))
    }
    visit { optimizer.update($0, scalars) }
  }

  /// By blocks that do not depend on the slices.
  private func norm(_ arena: AlignedBuffer<Float>) -> Double {
    pairwiseSum(
      stride(from: 0, to: arena.count, by: 100).map {
        ck_sum_squares(arena.pointer + $0, min(100, arena.count - $0))
      }
    ).squareRoot()
  }

  private static func arena(_ values: [Float]) -> AlignedBuffer<Float> {
    let buffer = AlignedBuffer<Float>(count: values.count)
    buffer.pointer.update(from: values, count: values.count)
    return buffer
  }
}
