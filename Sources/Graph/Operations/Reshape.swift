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
