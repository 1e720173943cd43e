import Basics

/// second(first(x)), whose value in between is computed again in backward instead of being kept.
///
/// For a first operation that reads and writes memory and does little more, a GELU or a norm: of a
/// transformer's activations their results are three eighths.
///
/// Source: Chen et al., "Training Deep Nets with Sublinear Memory Cost", arXiv 1604.06174.
struct Recomputation: Operation {
  let first: any Operation
  /// Inputs of the first operation; the second one's others follow them.
  let firstCount: Int
  let second: any Operation

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

  func compile(_ site: Site) throws -> CompiledOperation {
    let shape = try between(site.inputShapes)
    let bytes = shape.count * 4
    let value = site.scratch(bytes: bytes, during: .forward)
    let forward =
      try first.compile(before(site, value, shape, gradient: nil, during: .forward)).forward
      + second.compile(after(site, value, shape, gradient: nil, during: .forward)).forward
    guard site.outputGradient != nil else { return CompiledOperation(forward: forward) }
    let again = site.scratch(bytes: bytes, during: .backward)
    let gradient = site.scratch(bytes: bytes, during: .backward)
    let start = try first.compile(before(site, again, shape, gradient: gradient, during: .backward))
    let end = try second.compile(after(site, again, shape, gradient: gradient, during: .backward))
    return CompiledOperation(
      forward: forward, backward: start.forward + end.backward + start.backward)
  }

  /// Where the first operation stands.
  private func before(
    _ site: Site, _ value: Buffer, _ shape: Shape, gradient: Buffer?, during: Site.Scratch
  ) -> Site {
    Site(
      engine: site.engine, inputs: Array(site.inputs.prefix(firstCount)),
      inputShapes: Array(site.inputShapes.prefix(firstCount)), output: value, outputShape: shape,
      outputGradient: gradient, inputGradients: Array(site.inputGradients.prefix(firstCount)),
      context: site.context
    ) { count, _ in site.scratch(bytes: count * 4, during: during) }
  }

  /// Where the second one stands.
  private func after(
    _ site: Site, _ value: Buffer, _ shape: Shape, gradient: Buffer?, during: Site.Scratch
  ) -> Site {
    let target = gradient.map { GradientTarget(buffer: $0, accumulates: false) }
    return Site(
      engine: site.engine, inputs: [value] + site.inputs.dropFirst(firstCount),
      inputShapes: [shape] + site.inputShapes.dropFirst(firstCount), output: site.output,
      outputShape: site.outputShape, outputGradient: gradient == nil ? nil : site.outputGradient,
      inputGradients: [target] + site.inputGradients.dropFirst(firstCount), context: site.context
    ) { count, _ in site.scratch(bytes: count * 4, during: during) }
  }
}
