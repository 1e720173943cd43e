package import Basics

/// The same elements in order under another shape; costs nothing where it can share memory.
package struct Reshape: Operation {
  /// The result's shape without the batch axis.
  package let extents: [Int]

  package init(_ extents: [Int]) { self.extents = extents }

  package var name: String { "reshape" }
  package var backwardReads: BackwardReads { [] }
  package func isView(of inputs: [Shape], in mode: Plan.Mode) -> Bool { true }

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    let result = Shape([inputs[0][0]] + extents)
    if result.count != inputs[0].count {
      throw ShapeMismatch("cannot reshape \(inputs[0]) to \(result): element counts differ")
    }
    return result
  }

  package func compile(_ site: Site) throws -> CompiledOperation { compileView(site) }
}

/// The backward pass of a view, only where the plan could not share the gradient's memory: the
/// input has another consumer, whose gradient is added. The value is shared in any case.
func compileView(_ site: Site) -> CompiledOperation {
  guard let upstream = site.outputGradient, let target = site.inputGradients[0] else {
    return CompiledOperation(forward: [])
  }
  return CompiledOperation(
    forward: [],
    backward: [copyOrAdd(upstream, to: target, count: site.outputShape.count)])
}
