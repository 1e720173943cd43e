package import Basics

/// The same elements in order under another shape; costs nothing where it can share memory.
package struct Reshape: Operation {
  /// The result's shape without the batch axis.
  package let extents: [Int]

  package init(_ extents: [Int]) { self.extents = extents }

  package var name: String { "reshape" }
  package var backwardReads: BackwardReads { [] }

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    let result = Shape([inputs[0][0]] + extents)
    if result.count != inputs[0].count {
      throw ShapeMismatch("cannot reshape \(inputs[0]) to \(result): element counts differ")
    }
    return result
  }

  /// Only where the plan could not share memory: the input has another consumer, whose gradient
  /// is added. The value is shared in any case.
  package func compile(_ site: Site) throws -> CompiledOperation {
    guard let upstream = site.outputGradient, let target = site.inputGradients[0] else {
      return CompiledOperation(forward: [])
    }
    return CompiledOperation(
      forward: [],
      backward: [copyOrAdd(upstream, to: target, count: site.outputShape.count)])
  }
}
