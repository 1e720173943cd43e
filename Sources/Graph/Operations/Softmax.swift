package import Basics
import CKernels

/// y = e^x / Σ e^x, or its logarithm x − log Σ e^x, along the last axis: `[…, n]` → `[…, n]`.
/// PyTorch's `nn.Softmax(-1)` and `nn.LogSoftmax(-1)`.
///
///     dx = y·(dy − Σ dy·y)   and   dx = dy − e^y·Σ dy
package struct Softmax: Operation {
  let isLogarithm: Bool

  package var name: String { isLogarithm ? "log-softmax" : "softmax" }
  package var backwardReads: BackwardReads { .output }

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    guard inputs[0].rank >= 2 else {
      throw ShapeMismatch("expected input [batch, …, n], found \(inputs[0])")
    }
    return inputs[0]
  }

  package func compile(_ site: Site) throws -> CompiledOperation {
    let classes = site.outputShape.extents.last ?? 1
    let rows = site.outputShape.count / classes
    let isLogarithm = isLogarithm
    let forward = ClosureKernel([site.inputs[0], site.output]) { pointers in
      if isLogarithm {
        ck_log_softmax(pointers[0], pointers[1], rows, classes)
      } else {
        ck_softmax(pointers[0], pointers[1], rows, classes)
      }
    }
    guard let upstream = site.outputGradient, let target = site.inputGradients[0] else {
      return CompiledOperation(forward: [forward])
    }
    let (result, addition) = accumulation(into: target, count: site.outputShape.count, site)
    let backward = ClosureKernel([site.output, upstream, result]) { pointers in
      if isLogarithm {
        ck_log_softmax_backward(pointers[0], pointers[1], pointers[2], rows, classes)
      } else {
        ck_softmax_backward(pointers[0], pointers[1], pointers[2], rows, classes)
      }
    }
    return CompiledOperation(forward: [forward], backward: [backward] + addition)
  }
}
