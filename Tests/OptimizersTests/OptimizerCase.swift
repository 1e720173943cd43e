import Basics
import Optimizers
import TestSupport
import Testing

/// One optimizer with its settings: a column of `optimizers.safetensors`.
struct OptimizerCase: Sendable, CustomTestStringConvertible {
  /// The golden tensor's name.
  let name: String
  let optimizer: String
  let rate: Double
  var settings = HyperParameters()

  init(
    _ name: String, _ optimizer: String, rate: Double,
    _ change: (inout HyperParameters) -> Void = { _ in }
  ) {
    self.name = name
    self.optimizer = optimizer
    self.rate = rate
    change(&settings)
  }

  var testDescription: String { name }

  var decays: Bool { (settings.weightDecay ?? (optimizer == "adamw" ? 0.01 : 0)) > 0 }

  static let all = [
    OptimizerCase("sgd", "sgd", rate: 0.05),
    OptimizerCase("momentum", "momentum", rate: 0.05),
    OptimizerCase("momentum-dampening", "momentum", rate: 0.05) {
      $0.momentum = 0.8
      $0.dampening = 0.1
    },
    OptimizerCase("nesterov", "nesterov", rate: 0.05),
    OptimizerCase("sgd-l2", "sgd", rate: 0.05) {
      $0.momentum = 0.9
      $0.weightDecay = 0.01
    },
    OptimizerCase("rmsprop", "rmsprop", rate: 0.01),
    OptimizerCase("rmsprop-centered-momentum", "rmsprop", rate: 0.01) {
      $0.alpha = 0.95
      $0.centered = true
      $0.momentum = 0.9
    },
    OptimizerCase("adam", "adam", rate: 0.05),
    OptimizerCase("adam-l2", "adam", rate: 0.05) {
      $0.weightDecay = 0.02
      $0.betas = [0.85, 0.99]
    },
    OptimizerCase("adamw", "adamw", rate: 0.05),
    OptimizerCase("adamw-decay", "adamw", rate: 0.05) {
      $0.weightDecay = 0.1
      $0.betas = [0.9, 0.95]
    },
  ]
}

/// Parameters, gradient and state in arenas of one layout, updated slice by slice.
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
  func update(
    _ gradient: [Float], step: Int, borders: [Int] = [], rate: Double? = nil, decays: Bool = true
  ) {
    let scalars = optimizer.scalars(step: step, learningRate: rate ?? self.rate)
    gradientArena.pointer.update(from: gradient, count: gradient.count)
    let all = [0] + borders + [gradient.count]
    for (start, end) in zip(all, all.dropFirst()) {
      // One pointer too many, so that an optimizer without state has an address to be given.
      let slices = stateArenas.map { $0.pointer + start } + [gradientArena.pointer]
      slices.withUnsafeBufferPointer {
        guard let state = $0.baseAddress else { return }
        optimizer.update(
          parameters: parameterArena.pointer + start, gradient: gradientArena.pointer + start,
          state: state, count: end - start, scalars: scalars, decays: decays)
      }
    }
  }

  private static func arena(_ values: [Float]) -> AlignedBuffer<Float> {
    let buffer = AlignedBuffer<Float>(count: values.count)
    buffer.pointer.update(from: values, count: values.count)
    return buffer
  }
}
