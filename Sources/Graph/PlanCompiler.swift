import Basics
import CKernels

/// What a trace was compiled to.
struct CompiledPlan {
  let kernels: [any Kernel]
  /// The operation of each kernel.
  let operations: [String]
  /// The kernels of forward and loss, which come first.
  let forwardCount: Int
  /// The element from which on gradients are final behind each kernel; `Int.max`: no news.
  let finalFrom: [Int]
  let output: Buffer
  let workspaceCount: Int
}

/// Turns a trace into kernels and buffers: the inside of `Plan`.
///
/// Time runs 0 ..< n forward, n for the loss, and backward of node i at 2n − i; a buffer's
/// lifetime is an interval of it.
struct PlanCompiler {
  let nodes: [Trace.Node]
  let layout: ParameterLayout
  let mode: Plan.Mode
  let engine: ComputeEngine
  let keepsOutput: Bool
  let context: UnsafePointer<ck_random_context>
  private(set) var steps: [Plan.Step] = []

  /// How many inputs each value is, and one more for the result.
  private let uses: [Int]
  private var values: [Buffer?]
  private var gradients: [Buffer?]
  private var workspace: [Buffer] = []

  private let result: Int

  /// - Parameter result: the node whose value the loss reads.
  init(
    nodes: [Trace.Node], result: Int, layout: ParameterLayout, mode: Plan.Mode,
    engine: ComputeEngine, keepsOutput: Bool, context: UnsafePointer<ck_random_context>
  ) {
    self.nodes = nodes
    self.result = result
    uses = PlanCompiler.useCounts(nodes, result: result)
    self.layout = layout
    self.mode = mode
    self.engine = engine
    self.keepsOutput = keepsOutput
    self.context = context
    values = Array(repeating: nil, count: nodes.count)
    gradients = Array(repeating: nil, count: nodes.count)
  }

  /// Joins an activation or an addition to the operation before it where that operation can take
  /// it along and nobody else reads the value in between.
  static func fuse(_ nodes: [Trace.Node], result: Int) -> [Trace.Node] {
    var fused = nodes
    let uses = useCounts(nodes, result: result)
    for (id, node) in nodes.enumerated() {
      guard case .operation(let operation) = node.kind else { continue }
      for (position, producer) in node.inputs.enumerated() where uses[producer] == 1 {
        guard case .operation(let previous) = fused[producer].kind else { continue }
        let others = node.inputs.indices.filter { $0 != position }.map { node.inputs[$0] }
        let joined: (any Operation)?
        switch operation {
        case let activation as Activation: joined = previous.fused(with: activation)
        case is Addition: joined = previous.fusedWithAddition()
        default: joined = nil
        }
        guard let joined else { continue }
        let source = fused[producer]
        fused[id] = Trace.Node(
          kind: .operation(joined), inputs: source.inputs + others, shape: node.shape,
          layer: source.layer, requiresGradient: node.requiresGradient)
        fused[producer] = absent(source)
        break
      }
    }
    return fused
  }

  /// Joins a product to the operation that makes its left side where that is cheaper to do again
  /// than to keep.
  ///
  /// - Parameter bytes: smaller values are kept.
  static func recomputing(
    _ nodes: [Trace.Node], result: Int, from bytes: Int
  ) -> [Trace.Node] {
    var joined = nodes
    let uses = useCounts(nodes, result: result)
    for (id, node) in nodes.enumerated() {
      guard case .operation(let product as MatrixProduct) = node.kind, let left = node.inputs.first,
        case .operation(let first) = joined[left].kind, first.isCheap, uses[left] == 1,
        node.requiresGradient, nodes[left].shape.count * 4 >= bytes
      else { continue }
      let source = joined[left]
      joined[id] = Trace.Node(
        kind: .operation(
          Recomputation(first: first, firstCount: source.inputs.count, second: product)),
        inputs: source.inputs + node.inputs.dropFirst(), shape: node.shape, layer: node.layer,
        requiresGradient: true)
      joined[left] = absent(source)
    }
    return joined
  }

  /// Nothing reads it any more: a node without inputs or kernels.
  private static func absent(_ node: Trace.Node) -> Trace.Node {
    Trace.Node(kind: .input, inputs: [], shape: [], layer: node.layer, requiresGradient: false)
  }

  private static func useCounts(_ nodes: [Trace.Node], result: Int) -> [Int] {
    var counts = Array(repeating: 0, count: nodes.count)
    for node in nodes { for input in node.inputs { counts[input] += 1 } }
    counts[result] += 1
    return counts
  }

  mutating func compile(
    loss: Loss, sums: UnsafeMutablePointer<ck_loss_sums>
  ) throws -> CompiledPlan {
    let lossTime = nodes.count
    makeBuffers()
    guard let output = values[result] else {
      throw Failure.internalError("the model's result has no buffer")
    }
    output.use(at: lossTime)

    // By node, from the last to the first.
    var forward: [(operation: String, kernels: [any Kernel])] = []
    var backward: [(operation: String, kernels: [any Kernel])] = []
    let gradient = mode == .training ? gradients[result] : nil
    gradient?.use(at: lossTime)
    let shape = nodes[result].shape
    let targets = Buffer(.targets, count: shape[0] * loss.targetsPerSample(output: shape))
    let lossKernel = loss.compile(
      output: output, shape: shape, targets: targets, gradient: gradient, sums: sums)
    forward.append(("loss", [lossKernel]))

    // From the last node to the first, so that the first to write a gradient in the order of
    // execution is the first seen here.
    var written = Array(repeating: false, count: nodes.count)
    for id in nodes.indices.reversed() {
      guard case .operation(let operation) = nodes[id].kind else { continue }
      let compiled = try compile(operation, id: id, written: &written)
      forward.append((operation.name, compiled.forward))
      backward.append((operation.name, compiled.backward))
      let parameterCount = nodes[id].inputs.reduce(0) {
        guard case .parameter(let parameter) = nodes[$1].kind, parameter.statistic == nil else {
          return $0
        }
        return $0 + parameter.count
      }
      // How an image lies is no layer's business.
      if operation is LayoutChange { continue }
      steps.append(
        Plan.Step(
          layer: nodes[id].layer, operation: operation.name, shape: nodes[id].shape,
          parameterCount: parameterCount))
    }
    steps.reverse()
    // The result outlives the run: a caller may read it.
    if keepsOutput { output.use(at: 2 * nodes.count + 1) }
    let stages = forward.reversed() + backward
    let forwardCount = forward.reduce(0) { $0 + $1.kernels.count }
    return CompiledPlan(
      kernels: stages.flatMap { $0.kernels },
      operations: stages.flatMap { stage in stage.kernels.map { _ in stage.operation } },
      forwardCount: forwardCount,
      finalFrom: Array(repeating: Int.max, count: forwardCount)
        + PlanCompiler.pendingEnds(backward.flatMap { $0.kernels }),
      output: output,
      workspaceCount: WorkspaceAllocator.place(workspace))
  }

  /// Behind each kernel: where the gradients end that later ones write. Beyond it, all are final.
  private static func pendingEnds(_ kernels: [any Kernel]) -> [Int] {
    var end = 0
    var ends: [Int] = []
    for kernel in kernels.reversed() {
      ends.append(end)
      for buffer in kernel.buffers where buffer.space == .gradients {
        end = max(end, buffer.offset + buffer.count)
      }
    }
    return ends.reversed()
  }

  private mutating func makeBuffers() {
    let offsets = Dictionary(
      uniqueKeysWithValues: layout.entries.map { ($0.parameter.name, $0.offset) })
    for (id, node) in nodes.enumerated() {
      switch node.kind {
      case .input:
        values[id] = Buffer(.features, count: node.shape.count)
      case .parameter(let parameter):
        guard let offset = offsets[parameter.name] else {
          preconditionFailure("\(parameter.name) has no place among the parameters")
        }
        values[id] = Buffer(.parameters, count: parameter.count, offset: offset)
        if mode == .training {
          gradients[id] = Buffer(.gradients, count: parameter.count, offset: offset)
        }
      case .operation(let operation):
        let isView = operation.isView(of: node.inputs.map { nodes[$0].shape }, in: mode)
        let source = node.inputs[0]
        values[id] = isView ? values[source] : workspaceBuffer(node.shape.count, from: id)
        guard mode == .training, node.requiresGradient else { continue }
        // A view shares its gradient only with a producer that nobody else reads.
        let shares = isView && uses[source] == 1 && gradients[source]?.space == .workspace
        // The loss is the last to read the result, unless its own backward pass does.
        let overwrites =
          !keepsOutput && id == result && uses[id] == 1 && !isView
          && !operation.backwardReads.contains(.output)
        gradients[id] =
          shares
          ? gradients[source]
          : overwrites
            ? values[id] : workspaceBuffer(node.shape.count, from: backwardTime(id))
      }
    }
  }

  /// Whether a value is free once the one operation that reads it begins its backward pass.
  private func isSpent(_ id: Int) -> Bool {
    guard case .operation(let producer) = nodes[id].kind, uses[id] == 1 else { return false }
    return !producer.backwardReads.contains(.output)
      && !producer.isView(of: nodes[id].inputs.map { nodes[$0].shape }, in: mode)
  }

  private func backwardTime(_ id: Int) -> Int { 2 * nodes.count - id }

  private mutating func workspaceBuffer(_ count: Int, from time: Int) -> Buffer {
    let buffer = Buffer(.workspace, count: count, lifetime: time...time)
    workspace.append(buffer)
    return buffer
  }

  private mutating func compile(
    _ operation: any Operation, id: Int, written: inout [Bool]
  ) throws -> CompiledOperation {
    let node = nodes[id]
    let time = backwardTime(id)
    let inputs = node.inputs.compactMap { values[$0] }
    guard let output = values[id], inputs.count == node.inputs.count else {
      throw Failure.internalError("layer \(node.layer): a value has no buffer")
    }
    for buffer in inputs { buffer.use(at: id) }
    output.use(at: id)

    let outputGradient = gradients[id]
    var targets: [GradientTarget?] = node.inputs.map { _ in nil }
    if let outputGradient {
      outputGradient.use(at: time)
      if operation.backwardReads.contains(.inputs) { for buffer in inputs { buffer.use(at: time) } }
      if operation.backwardReads.contains(.output) { output.use(at: time) }
      for (position, input) in node.inputs.enumerated() {
        guard let gradient = gradients[input], gradient !== outputGradient else { continue }
        gradient.use(at: time)
        targets[position] = GradientTarget(buffer: gradient, accumulates: written[input])
        written[input] = true
      }
    }

    var scratch: [Buffer] = []
    let site = Site(
      engine: engine, inputs: inputs, inputShapes: node.inputs.map { nodes[$0].shape },
      output: output, outputShape: node.shape, outputGradient: outputGradient,
      inputGradients: targets, spendsInput: isSpent(node.inputs[0]), context: context
    ) { count, during in
      let lifetime =
        switch during {
        case .forward: id...id
        case .backward: time...time
        case .both: id...time
        }
      let buffer = Buffer(.workspace, count: count, lifetime: lifetime)
      scratch.append(buffer)
      return buffer
    }
    let compiled = try operation.compile(site)
    workspace.append(contentsOf: scratch)
    return compiled
  }
}
