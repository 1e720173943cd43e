package import Basics
package import CKernels

/// A model compiled for one batch shape: kernels in order over five memories.
///
/// Making it traces the model, infers shapes, fuses activations, plans memory by lifetime and
/// builds oneDNN primitives; running it builds nothing and allocates nothing of ours.
package final class Plan {
  package enum Mode: Sendable {
    /// Forward, loss sums, and the gradient of the loss SUM for every parameter.
    case training
    /// Forward and loss sums; the result is at `output`.
    case evaluation
  }

  package let layout: ParameterLayout
  package let batch: Int
  package let outputShape: Shape
  /// Elements each memory must have.
  package let featureCount: Int
  package let targetCount: Int
  package let workspaceCount: Int
  /// Layer names, operations and shapes in forward order, for `inspect`.
  package let steps: [Step]

  package struct Step: Sendable {
    package let layer: String
    package let operation: String
    package let shape: Shape
    package let parameterCount: Int
  }

  /// What fits a second-level cache is kept: little would be saved, and in
  /// gpt:layers=4,width=128 a fortieth of the step lost.
  package static let recomputedBytes = 2 << 20

  private var kernels: [any Kernel]
  private let operations: [String]
  private let forwardCount: Int
  private let finalFrom: [Int]
  private let outputBuffer: Buffer
  private let sums: UnsafeMutablePointer<ck_loss_sums>
  private let context: UnsafeMutablePointer<ck_random_context>
  private var bases = MemoryBases()

  /// - Parameters:
  ///   - input: the shape of the features, batch axis first.
  ///   - vocabulary: where the features are tokens below it, `Int32`, and not numbers.
  ///   - model: called once with a symbolic tensor.
  ///   - keepsOutput: false where nobody reads `output` after training: its gradient may then take
  ///     its place, a third of the memory of a large output and of the time to write it.
  ///   - recomputedBytes: from which size on results of norms and activations that only a matrix
  ///     product reads are computed again in backward and not kept.
  /// - Throws: `Failure` naming the layer whose shapes do not fit.
  package init(
    input: Shape, vocabulary: Int? = nil, loss: Loss, mode: Mode, engine: ComputeEngine,
    keepsOutput: Bool = true, recomputedBytes: Int = Plan.recomputedBytes,
    model: (Tensor) -> Tensor
  ) throws {
    let (trace, result) = try Plan.trace(input: input, vocabulary: vocabulary, model: model)
    layout = ParameterLayout(trace.parameters)
    batch = input[0]
    outputShape = Shape(result.shape)
    guard outputShape.rank >= 2, outputShape[0] == input[0] else {
      throw Failure.usage(
        "the model's result has shape \(outputShape), expected [\(input[0]), …]",
        remedy: "Return a tensor that has the batch as its first axis.")
    }
    do throws(ShapeMismatch) {
      try loss.checkOutput(outputShape)
    } catch {
      throw Failure.usage(error.message, remedy: "Change the model's last layer or the loss.")
    }
    sums = .allocate(capacity: 1)
    sums.initialize(to: ck_loss_sums())
    context = .allocate(capacity: 1)
    context.initialize(to: ck_random_context())

    let fused = PlanCompiler.fuse(trace.nodes, result: result.id)
    var compiler = PlanCompiler(
      nodes: PlanCompiler.recomputing(
        fused, result: result.id, from: mode == .training ? recomputedBytes : Int.max),
      result: result.id, layout: layout, mode: mode, engine: engine,
      keepsOutput: keepsOutput || mode == .evaluation, context: context)
    let compiled = try compiler.compile(loss: loss, sums: sums)
    kernels = compiled.kernels
    operations = compiled.operations
    forwardCount = compiled.forwardCount
    finalFrom = compiled.finalFrom
    outputBuffer = compiled.output
    workspaceCount = compiled.workspaceCount
    featureCount = input.count
    targetCount = batch * loss.targetsPerSample(output: outputShape)
    steps = compiler.steps
  }

  deinit {
    sums.deallocate()
    context.deallocate()
  }

  /// The number of parameters of `model`, without compiling it.
  package static func parameterCount(
    input: Shape, vocabulary: Int? = nil, model: (Tensor) -> Tensor
  ) throws -> Int {
    let (trace, _) = try trace(input: input, vocabulary: vocabulary, model: model)
    return ParameterLayout(trace.parameters).parameterCount
  }

  private static func trace(
    input: Shape, vocabulary: Int?, model: (Tensor) -> Tensor
  ) throws -> (trace: Trace, result: Tensor) {
    let trace = Trace(vocabulary: vocabulary)
    let output = model(trace.input(input))
    if let failure = trace.failure { throw failure }
    guard output.trace === trace else {
      throw Failure.usage("the model returned a tensor of another trace")
    }
    let result = Tensor(
      trace: trace, id: trace.image(output.id, in: .channelsFirst, layer: "output"))
    trace.prune(keeping: result.id)
    return (trace, result)
  }

  /// Sets the memories. `gradients` may move between runs (another slot); the rest usually stays.
  package func bind(
    features: UnsafeMutablePointer<Float>, targets: UnsafeMutablePointer<Float>,
    parameters: UnsafeMutablePointer<Float>, gradients: UnsafeMutablePointer<Float>?,
    workspace: UnsafeMutablePointer<Float>
  ) {
    if bases[.features] == features && bases[.targets] == targets
      && bases[.parameters] == parameters && bases[.gradients] == gradients
      && bases[.workspace] == workspace
    {
      return
    }
    bases[.features] = features
    bases[.targets] = targets
    bases[.parameters] = parameters
    bases[.gradients] = gradients
    bases[.workspace] = workspace
    for kernel in kernels { kernel.bind(bases) }
  }

  /// Runs every kernel; the sums are over this batch's samples.
  ///
  /// - Parameters:
  ///   - random: what dropout is keyed by; evaluation draws nothing.
  ///   - isFinalFrom: called behind each kernel of backward with the first element from which on
  ///     all gradients are final, so that the last layers' can leave early.
  package func run(
    _ random: ck_random_context = ck_random_context(),
    isFinalFrom: (_ element: Int) throws -> Void = { _ in }
  ) throws -> ck_loss_sums {
    context.pointee = random
    sums.pointee = ck_loss_sums()
    for (kernel, element) in zip(kernels, finalFrom) {
      try kernel.run()
      if element != Int.max { try isFinalFrom(element) }
    }
    return sums.pointee
  }

  /// The most gradients that become final at once: while their kernel runs, none of them can leave.
  package var largestFinalPiece: Int {
    let ends = finalFrom.filter { $0 != Int.max }
    return zip([layout.arenaCount] + ends, ends).map { $0 - $1 }.max() ?? 0
  }

  /// Takes the time of every kernel from now on, for `times`.
  package func startTimes() { kernels = kernels.map { TimedKernel($0) } }

  /// What the kernels took since `startTimes`, in their order; empty without it.
  package var times: [KernelTime] {
    kernels.indices.compactMap { index in
      guard let kernel = kernels[index] as? TimedKernel else { return nil }
      return KernelTime(
        operation: operations[index], isBackward: index >= forwardCount,
        nanoseconds: kernel.nanoseconds, flops: kernel.flops * kernel.runs)
    }
  }

  /// The model's result of the last run, `outputShape` elements.
  package var output: UnsafePointer<Float> { UnsafePointer(bases.address(of: outputBuffer)) }
}
