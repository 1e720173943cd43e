package import Basics
package import CKernels

/// Shapes that do not fit an operation: what was expected and found.
package struct ShapeMismatch: Error {
  package let message: String
  package init(_ message: String) { self.message = message }
}

/// One kind of node: its shape rule, its forward and its backward calculation.
///
/// An operation is a small value; `compile` turns it into kernels for one place in one plan.
package protocol Operation: Sendable {
  /// As errors and `inspect` show it: `linear`.
  var name: String { get }

  /// The shape of the result, batch axis included; throws where the inputs do not fit.
  func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape

  /// How images among its inputs lie in memory; the trace converts those that lie otherwise.
  var images: ImageUse { get }

  /// Whether the result is input 0 under another shape: it then shares its memory, and `compile`
  /// only delivers a gradient that could not be shared too.
  func isView(of inputs: [Shape], in mode: Plan.Mode) -> Bool

  /// Whether it takes little more time than to read and write its memory.
  var isCheap: Bool { get }

  /// Whether it can store its result in bfloat16, where the site asks for that.
  var canRoundResult: Bool { get }

  /// Which values backward reads: they stay in memory until then.
  var backwardReads: BackwardReads { get }

  /// Makes the kernels. Called once a plan, before memory has an address.
  func compile(_ site: Site) throws -> CompiledOperation

  /// This operation followed by `activation` in one kernel, or nil where it cannot.
  func fused(with activation: Activation) -> (any Operation)?

  /// This operation with the addition of one more value, its last input, or nil where it cannot.
  func fusedWithAddition() -> (any Operation)?
}

extension Operation {
  package var images: ImageUse { .channelsFirst }
  package func isView(of inputs: [Shape], in mode: Plan.Mode) -> Bool { false }
  package var isCheap: Bool { false }
  package var canRoundResult: Bool { false }
  package func fused(with activation: Activation) -> (any Operation)? { nil }
  package func fusedWithAddition() -> (any Operation)? { nil }
}

package struct BackwardReads: OptionSet, Sendable {
  package let rawValue: Int
  package init(rawValue: Int) { self.rawValue = rawValue }
  package static let inputs = BackwardReads(rawValue: 1)
  package static let output = BackwardReads(rawValue: 2)
}

/// The kernels of one operation, run in order.
package struct CompiledOperation {
  package var forward: [any Kernel]
  package var backward: [any Kernel]

  package init(forward: [any Kernel], backward: [any Kernel] = []) {
    self.forward = forward
    self.backward = backward
  }
}

/// Where an operation stands in a plan: its buffers and what backward must deliver.
package struct Site {
  package let engine: ComputeEngine
  package let inputs: [Buffer]
  package let inputShapes: [Shape]
  package let output: Buffer
  package let outputShape: Shape
  /// The gradient of the result; nil where the plan has no backward pass through it.
  package let outputGradient: Buffer?
  /// A place for the gradient of each input; nil where nobody needs it.
  package let inputGradients: [GradientTarget?]
  /// Whether nobody but this operation reads input 0 any more when its backward pass begins: its
  /// place is free then.
  package let spendsInput: Bool
  /// Whether forward runs in the backward pass, right before backward: the places of gradients are
  /// free then, but for those that add.
  package let isRepetition: Bool
  /// Whether the result is stored in bfloat16, in the first half of `output`.
  package let roundsResult: Bool
  /// Whether input 0 lies there in bfloat16.
  package let hasRoundedInput: Bool
  /// What random numbers of an execution are keyed by; lives as long as the plan.
  package let context: UnsafePointer<ck_random_context>
  private let allocateScratch: (Int, Scratch) -> Buffer

  package enum Scratch { case forward, backward, both }

  init(
    engine: ComputeEngine, inputs: [Buffer], inputShapes: [Shape], output: Buffer,
    outputShape: Shape, outputGradient: Buffer?, inputGradients: [GradientTarget?],
    spendsInput: Bool = false, isRepetition: Bool = false,
    roundsResult: Bool = false, hasRoundedInput: Bool = false,
    context: UnsafePointer<ck_random_context>, allocateScratch: @escaping (Int, Scratch) -> Buffer
  ) {
    self.engine = engine
    self.inputs = inputs
    self.inputShapes = inputShapes
    self.output = output
    self.outputShape = outputShape
    self.outputGradient = outputGradient
    self.inputGradients = inputGradients
    self.spendsInput = spendsInput
    self.isRepetition = isRepetition
    self.roundsResult = roundsResult
    self.hasRoundedInput = hasRoundedInput
    self.context = context
    self.allocateScratch = allocateScratch
  }

  /// Memory of this operation alone, alive in one pass or from forward to backward.
  package func scratch(bytes: Int, during: Scratch) -> Buffer {
    allocateScratch((bytes + 3) / 4, during)
  }
}

/// Where a gradient goes, and whether another consumer has written there before.
package struct GradientTarget {
  package let buffer: Buffer
  package let accumulates: Bool
}
