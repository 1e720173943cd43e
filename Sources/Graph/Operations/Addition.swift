package import Basics
import CKernels

/// a + b of equal shapes.
package struct Addition: Operation {
  package let name = "add"
  package var backwardReads: BackwardReads { [] }
  package var images: ImageUse { .any }

  package init() {}

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    guard inputs[0] == inputs[1] else {
      throw ShapeMismatch("cannot add \(inputs[0]) and \(inputs[1]): shapes differ")
    }
    return inputs[0]
  }

  package func compile(_ site: Site) throws -> CompiledOperation {
    let count = site.outputShape.count
    let forward = ClosureKernel(site.inputs + [site.output]) { pointers in
      ck_add(pointers[2], pointers[0], pointers[1], count)
    }
    guard let upstream = site.outputGradient else { return CompiledOperation(forward: [forward]) }
    let backward = site.inputGradients.compactMap { $0 }.map { target in
      copyOrAdd(upstream, to: target, count: count)
    }
    return CompiledOperation(forward: [forward], backward: backward)
  }
}
