import Basics
import CKernels

/// Delivers a gradient as it is.
func copyOrAdd(_ gradient: Buffer, to target: GradientTarget, count: Int) -> any Kernel {
  let accumulates = target.accumulates
  return ClosureKernel([target.buffer, gradient]) { pointers in
    if accumulates {
      ck_add(pointers[0], pointers[0], pointers[1], count)
    } else {
      pointers[0].update(from: pointers[1], count: count)
    }
  }
}

/// Where a primitive that cannot add writes its gradient, and the addition that follows.
func accumulation(
  into target: GradientTarget, count: Int, _ site: Site
) -> (result: Buffer, addition: [any Kernel]) {
  guard target.accumulates else { return (target.buffer, []) }
  let fresh = site.scratch(bytes: count * 4, during: .backward)
  let addition = ClosureKernel([target.buffer, fresh]) { pointers in
    ck_add(pointers[0], pointers[0], pointers[1], count)
  }
  return (fresh, [addition])
}

/// Zeroes a gradient that kernels only add to, unless another consumer has written there.
func clearing(_ target: GradientTarget) -> [any Kernel] {
  let count = target.buffer.count
  return target.accumulates
    ? [] : [ClosureKernel([target.buffer]) { $0[0].update(repeating: 0, count: count) }]
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

/// ReLU of a value that nobody needs unrectified.
func reluInPlace(_ buffer: Buffer) -> any Kernel {
  let count = buffer.count
  return ClosureKernel([buffer]) { pointers in ck_relu(pointers[0], pointers[0], count) }
}

/// The gradient through that ReLU, in place, from its result.
func reluMask(gradient: Buffer, output: Buffer) -> any Kernel {
  let count = output.count
  return ClosureKernel([gradient, output]) { pointers in
    ck_relu_mask(pointers[0], pointers[1], count)
  }
}
