package import Basics
package import CKernels
package import Graph

/// A plan with memories of its own.
///
/// What a run must write itself is NaN before it: values read too early cannot go unseen.
package final class PlanRun {
  package let plan: Plan
  package let layout: ParameterLayout
  private let features: AlignedBuffer<Float>
  private let targets: AlignedBuffer<Float>
  private let parameters: AlignedBuffer<Float>
  private let gradients: AlignedBuffer<Float>
  private let workspace: AlignedBuffer<Float>

  package init(
    _ input: Shape, vocabulary: Int? = nil, _ loss: Loss, mode: Plan.Mode = .training,
    keepsOutput: Bool = true, precision: Precision = .float32,
    recomputedBytes: Int = Plan.recomputedBytes, _ model: (Tensor) -> Tensor
  ) throws {
    plan = try Plan(
      input: input, vocabulary: vocabulary, loss: loss, mode: mode,
      engine: ComputeEngine(precision: precision), keepsOutput: keepsOutput,
      recomputedBytes: recomputedBytes, model: model)
    layout = plan.layout
    features = AlignedBuffer(count: plan.featureCount)
    targets = AlignedBuffer(count: plan.targetCount)
    parameters = AlignedBuffer(count: layout.arenaCount)
    gradients = AlignedBuffer(count: layout.arenaCount)
    workspace = AlignedBuffer(count: plan.workspaceCount)
    plan.bind(
      features: features.pointer, targets: targets.pointer, parameters: parameters.pointer,
      gradients: gradients.pointer, workspace: workspace.pointer)
  }

  /// One execution; `targets` are class indices where the loss takes classes, and `x` is tokens
  /// where the model does.
  @discardableResult
  package func run(
    _ x: [Float], targets values: [Float], takesClasses: Bool = false,
    takesTokens: Bool = false, random: ck_random_context = ck_random_context(),
    isFinalFrom: (Int) throws -> Void = { _ in }
  ) throws -> ck_loss_sums {
    precondition(x.count == features.count && values.count == targets.count)
    PlanRun.store(x, asIntegers: takesTokens, in: features)
    PlanRun.store(values, asIntegers: takesClasses, in: targets)
    gradients.elements.update(repeating: .nan)
    workspace.elements.update(repeating: .nan)
    return try plan.run(random, isFinalFrom: isFinalFrom)
  }

  private static func store(
    _ values: [Float], asIntegers: Bool, in buffer: AlignedBuffer<Float>
  ) {
    for (index, value) in values.enumerated() {
      buffer.pointer[index] =
        asIntegers ? Float(bitPattern: UInt32(bitPattern: Int32(value))) : value
    }
  }

  /// Another execution on the same data, with nothing prepared.
  @discardableResult
  package func again() throws -> ck_loss_sums { try plan.run() }

  package subscript(name: String) -> [Float] {
    get { Array(parameters.elements[range(name)]) }
    set {
      precondition(newValue.count == range(name).count)
      _ = parameters.elements[range(name)].update(fromContentsOf: newValue)
    }
  }

  package var names: [String] { layout.entries.map(\.parameter.name) }
  package func gradient(_ name: String) -> [Float] { Array(gradients.elements[range(name)]) }

  package var arena: UnsafeMutableBufferPointer<Float> { parameters.elements }
  package var gradientArena: UnsafeMutableBufferPointer<Float> { gradients.elements }

  package var output: [Float] {
    Array(UnsafeBufferPointer(start: plan.output, count: plan.outputShape.count))
  }

  private func range(_ name: String) -> Range<Int> {
    guard let entry = layout.entries.first(where: { $0.parameter.name == name }) else {
      fatalError("no parameter \(name)")
    }
    return entry.range
  }
}

extension Parameter {
  /// A parameter whose start does not matter.
  package static func test(_ name: String, _ shape: [Int]) -> Parameter {
    Parameter(name, shape: shape, role: .weight, initializer: .constant(0))
  }
}

extension Loss {
  /// PyTorch's `MSELoss`.
  package static let meanSquaredError = Loss.elements(.squared)
}

extension Activation {
  package static let all: [Activation] = [
    .relu, .leakyRelu(slope: 0.1), .elu, .gelu(tanh: false), .gelu(tanh: true), .silu, .sigmoid,
    .tanh, .softplus,
  ]
}
