package import Basics
import CKernels

/// One number a window of each channel: `[batch, channels, height, width]` →
/// `[batch, channels, height′, width′]` with height′ = ⌊(height + 2·padding − kernel) / stride⌋ + 1.
///
/// PyTorch's `nn.MaxPool2d`, `nn.AvgPool2d` (padding counts as zeros in the mean) and
/// `nn.AdaptiveAvgPool2d(1)`. By loops of our own: oneDNN's maximum passes over NaN.
package struct Pooling: Operation {
  package enum Kind: String, Sendable { case maximum = "maxpool", average = "avgpool" }

  package enum Window: Sendable, Hashable {
    case square(kernel: Int, stride: Int, padding: Int)
    /// The whole image.
    case global
  }

  let kind: Kind
  let window: Window

  package init(_ kind: Kind, _ window: Window) {
    self.kind = kind
    self.window = window
  }

  package var name: String { window == .global ? "global-\(kind.rawValue)" : kind.rawValue }
  package var images: ImageUse { .channelsLast(images: 1) }
  package var backwardReads: BackwardReads { [] }

  /// The largest kernel whose places are counted in 16 bits.
  package static let largestKernel = 255

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    let x = inputs[0]
    guard x.rank == 4 else {
      throw ShapeMismatch("expected input [batch, channels, height, width], found \(x)")
    }
    guard case .square(let kernel, let stride, let padding) = window else {
      return [x[0], x[1], 1, 1]
    }
    guard (1...Pooling.largestKernel).contains(kernel), stride >= 1 else {
      throw ShapeMismatch(
        "kernel \(kernel) must be from 1 to \(Pooling.largestKernel), stride \(stride) at least 1")
    }
    // More padding would make windows of nothing.
    guard (0...kernel / 2).contains(padding) else {
      throw ShapeMismatch("padding \(padding) must be from 0 to half the kernel, \(kernel / 2)")
    }
    guard min(x[2], x[3]) + 2 * padding >= kernel else {
      throw ShapeMismatch("a kernel of \(kernel) does not fit input \(x) with padding \(padding)")
    }
    return [
      x[0], x[1], (x[2] + 2 * padding - kernel) / stride + 1,
      (x[3] + 2 * padding - kernel) / stride + 1,
    ]
  }

  package func compile(_ site: Site) throws -> CompiledOperation {
    let pool = pool(site)
    return kind == .maximum ? maximum(pool, site) : average(pool, site)
  }

  private func maximum(_ pool: ck_pool, _ site: Site) -> CompiledOperation {
    guard let upstream = site.outputGradient, let target = site.inputGradients[0] else {
      return CompiledOperation(
        forward: [
          ClosureKernel([site.inputs[0], site.output]) { pointers in
            withUnsafePointer(to: pool) { ck_max_pool(pointers[0], pointers[1], nil, $0) }
          }
        ])
    }
    let count = site.outputShape.count
    let places = site.scratch(bytes: 2 * count, during: .both)
    let forward = ClosureKernel([site.inputs[0], site.output, places]) { pointers in
      pointers[2].withMemoryRebound(to: UInt16.self, capacity: count) { places in
        withUnsafePointer(to: pool) { ck_max_pool(pointers[0], pointers[1], places, $0) }
      }
    }
    let (result, addition) = accumulation(into: target, count: site.inputShapes[0].count, site)
    let backward = ClosureKernel([upstream, places, result]) { pointers in
      pointers[1].withMemoryRebound(to: UInt16.self, capacity: count) { places in
        withUnsafePointer(to: pool) { ck_max_pool_backward(pointers[0], places, pointers[2], $0) }
      }
    }
    return CompiledOperation(forward: [forward], backward: [backward] + addition)
  }

  private func average(_ pool: ck_pool, _ site: Site) -> CompiledOperation {
    let forward = ClosureKernel([site.inputs[0], site.output]) { pointers in
      withUnsafePointer(to: pool) { ck_average_pool(pointers[0], pointers[1], $0) }
    }
    guard let upstream = site.outputGradient, let target = site.inputGradients[0] else {
      return CompiledOperation(forward: [forward])
    }
    let (result, addition) = accumulation(into: target, count: site.inputShapes[0].count, site)
    let backward = ClosureKernel([upstream, result]) { pointers in
      withUnsafePointer(to: pool) { ck_average_pool_backward(pointers[0], pointers[1], $0) }
    }
    return CompiledOperation(forward: [forward], backward: [backward] + addition)
  }

  private func pool(_ site: Site) -> ck_pool {
    let (x, y) = (site.inputShapes[0], site.outputShape)
    var pool = ck_pool(
      batch: x[0], channels: x[1], height: x[2], width: x[3], out_height: y[2], out_width: y[3],
      window_height: x[2], window_width: x[3], stride: 1, padding: 0)
    if case .square(let kernel, let stride, let padding) = window {
      (pool.window_height, pool.window_width) = (kernel, kernel)
      (pool.stride, pool.padding) = (stride, padding)
    }
    return pool
  }
}
