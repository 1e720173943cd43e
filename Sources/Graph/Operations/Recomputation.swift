import Basics

/// second(first(x)), whose value in between is computed again in backward instead of being kept.
///
/// For a first operation that reads and writes memory and does little more, a GELU or a norm: of a
/// transformer's activations their results are three eighths. In backward the value and then its
/// gradient lie in the place of x where nobody else needs that, so that nothing is added.
///
/// Source: Chen et al., "Training Deep Nets with Sublinear Memory Cost", arXiv 1604.06174.
struct Recomputation: Operation {
  let first: any Operation
  /// Inputs of the first operation; the second one's others follow them.
  let firstCount: Int
  let second: MatrixProduct

  var name: String { "\(first.name) + \(second.name)" }

  var backwardReads: BackwardReads {
    second.backwardReads.contains(.output) ? [.inputs, .output] : .inputs
  }

  func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    try second.outputShape([between(inputs)] + inputs.dropFirst(firstCount))
  }

  private func between(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    try first.outputShape(Array(inputs.prefix(firstCount)))
  }

  /// Whether the first operation stores its result as the product takes it.
  private func roundsBetween(_ site: Site) -> Bool {
    first.canRoundResult
      && Precision.ofProducts(of: site.inputShapes[firstCount].extents, site.engine) == .bfloat16
  }

  func compile(_ site: Site) throws -> CompiledOperation {
    let shape = try between(site.inputShapes)
    let bytes = shape.count * 4
    let rounds = roundsBetween(site)
    let value = site.scratch(bytes: rounds ? bytes / 2 : bytes, during: .forward)
    let forward =
      try first.compile(before(site, value, shape, isGradient: false, during: .forward)).forward
      + second.compile(after(site, value, shape, isGradient: false, during: .forward)).forward
    guard site.outputGradient != nil else { return CompiledOperation(forward: forward) }
    let again =
      site.spendsInput && !first.backwardReads.contains(.inputs)
      ? site.inputs[0] : site.scratch(bytes: bytes, during: .backward)
    let start = try first.compile(before(site, again, shape, isGradient: true, during: .backward))
    let end = try second.compile(after(site, again, shape, isGradient: true, during: .backward))
    return CompiledOperation(
      forward: forward, backward: start.forward + end.backward + start.backward)
  }

  /// Where the first operation stands; `value` is its result, and in backward then its gradient,
  /// which the second one writes last.
  private func before(
    _ site: Site, _ value: Buffer, _ shape: Shape, isGradient: Bool, during: Site.Scratch
  ) -> Site {
    Site(
      engine: site.engine, inputs: Array(site.inputs.prefix(firstCount)),
      inputShapes: Array(site.inputShapes.prefix(firstCount)), output: value, outputShape: shape,
      outputGradient: isGradient ? value : nil,
      inputGradients: Array(site.inputGradients.prefix(firstCount)), isRepetition: isGradient,
      roundsResult: roundsBetween(site), context: site.context
    ) { count, _ in site.scratch(bytes: count * 4, during: during) }
  }

  /// Where the second one stands.
  private func after(
    _ site: Site, _ value: Buffer, _ shape: Shape, isGradient: Bool, during: Site.Scratch
  ) -> Site {
    let target = isGradient ? GradientTarget(buffer: value, accumulates: false) : nil
    return Site(
      engine: site.engine, inputs: [value] + site.inputs.dropFirst(firstCount),
      inputShapes: [shape] + site.inputShapes.dropFirst(firstCount), output: site.output,
      outputShape: site.outputShape, outputGradient: isGradient ? site.outputGradient : nil,
      inputGradients: [target] + site.inputGradients.dropFirst(firstCount),
      hasRoundedInput: roundsBetween(site), context: site.context
    ) { count, _ in site.scratch(bytes: count * 4, during: during) }
  }
}
