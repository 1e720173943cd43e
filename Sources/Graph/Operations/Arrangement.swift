package import Basics
import CKernels

/// Elements `range` of one axis, which is not the batch: `x[:, 2..<4]`.
package struct Slice: Operation {
  let axis: Int
  let range: Range<Int>

  package init(axis: Int, range: Range<Int>) {
    self.axis = axis
    self.range = range
  }

  package let name = "slice"
  package var backwardReads: BackwardReads { [] }

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    var extents = inputs[0].extents
    guard axis > 0, axis < extents.count, range.lowerBound >= 0, range.upperBound <= extents[axis]
    else {
      throw ShapeMismatch("cannot take \(range) of axis \(axis) of \(inputs[0])")
    }
    extents[axis] = range.count
    return Shape(extents)
  }

  package func compile(_ site: Site) throws -> CompiledOperation {
    let extents = site.inputShapes[0].extents
    let inner = extents[(axis + 1)...].reduce(1, *)
    let (whole, width) = (extents[axis] * inner, range.count * inner)
    let (count, first) = (extents[..<axis].reduce(1, *), range.lowerBound * inner)
    let forward = ClosureKernel([site.inputs[0], site.output]) { pointers in
      ck_copy_rows(pointers[0] + first, whole, pointers[1], width, count, width, 0)
    }
    guard let upstream = site.outputGradient, let target = site.inputGradients[0] else {
      return CompiledOperation(forward: [forward])
    }
    // What is not in the slice has no gradient.
    let backward = ClosureKernel([upstream, target.buffer]) { pointers in
      ck_copy_rows(pointers[0], width, pointers[1] + first, whole, count, width, 1)
    }
    return CompiledOperation(forward: [forward], backward: clearing(target) + [backward])
  }
}

/// Two axes exchanged, neither the batch. PyTorch's `transpose`.
package struct Transpose: Operation {
  let axes: (Int, Int)

  package init(_ first: Int, _ second: Int) { axes = (min(first, second), max(first, second)) }

  package let name = "transpose"
  package var backwardReads: BackwardReads { [] }

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    var extents = inputs[0].extents
    guard axes.0 > 0, axes.0 < axes.1, axes.1 < extents.count else {
      throw ShapeMismatch("cannot exchange axes \(axes.0) and \(axes.1) of \(inputs[0])")
    }
    extents.swapAt(axes.0, axes.1)
    return Shape(extents)
  }

  package func compile(_ site: Site) throws -> CompiledOperation {
    let extents = site.inputShapes[0].extents
    let (a, b) = (extents[axes.0], extents[axes.1])
    let outer = extents[..<axes.0].reduce(1, *)
    let middle = extents[(axes.0 + 1)..<axes.1].reduce(1, *)
    let inner = extents[(axes.1 + 1)...].reduce(1, *)
    let forward = ClosureKernel([site.inputs[0], site.output]) { pointers in
      ck_exchange_axes(pointers[0], pointers[1], outer, a, middle, b, inner, 0)
    }
    guard let upstream = site.outputGradient, let target = site.inputGradients[0] else {
      return CompiledOperation(forward: [forward])
    }
    let accumulates: Int32 = target.accumulates ? 1 : 0
    let backward = ClosureKernel([upstream, target.buffer]) { pointers in
      ck_exchange_axes(pointers[0], pointers[1], outer, b, middle, a, inner, accumulates)
    }
    return CompiledOperation(forward: [forward], backward: [backward])
  }
}
