package import Basics
import CKernels

/// y = act(w ⋆ x + b), cross-correlation over images: x `[batch, in, height, width]`,
/// w `[out, in / groups, kernel, kernel]`, b `[out]` → `[batch, out, height′, width′]` with
/// height′ = ⌊(height + 2·padding − dilation·(kernel − 1) − 1) / stride⌋ + 1.
///
/// PyTorch's `nn.Conv2d`. Images lie channels last; weights stay in PyTorch's order in the
/// parameters and are copied once an execution into the order each primitive wants, the gradient
/// of the weights back. ReLU follows in place, as in `MatrixProduct`, so that NaN survives it.
package struct Convolution: Operation {
  /// How the kernel walks over the image, equal in both directions.
  package struct Geometry: Sendable, Hashable {
    package var stride: Int
    package var padding: Int
    package var dilation: Int
    package var groups: Int

    package init(stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1) {
      self.stride = stride
      self.padding = padding
      self.dilation = dilation
      self.groups = groups
    }
  }

  let geometry: Geometry
  let hasBias: Bool
  /// Only ReLU: its derivative follows from the result.
  var activation: Activation?

  package var name: String { activation.map { "conv + \($0.name)" } ?? "conv" }
  package var images: ImageUse { .channelsLast(images: 1) }
  package var backwardReads: BackwardReads { activation == nil ? .inputs : [.inputs, .output] }

  package func fused(with activation: Activation) -> (any Operation)? {
    guard self.activation == nil, activation == .relu else { return nil }
    return Convolution(geometry: geometry, hasBias: hasBias, activation: activation)
  }

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    let (x, weight) = (inputs[0], inputs[1])
    let (stride, padding) = (geometry.stride, geometry.padding)
    let (dilation, groups) = (geometry.dilation, geometry.groups)
    guard stride >= 1, padding >= 0, dilation >= 1, groups >= 1 else {
      throw ShapeMismatch(
        "stride \(stride), dilation \(dilation) and groups \(groups) must be at least 1, padding "
          + "\(padding) at least 0")
    }
    guard weight.rank == 4 else {
      throw ShapeMismatch("expected a weight [out, in / groups, height, width], found \(weight)")
    }
    guard x.rank == 4 else {
      throw ShapeMismatch(
        "expected input [batch, \(weight[1] * groups), height, width], found \(x)")
    }
    guard x[1] % groups == 0, weight[0] % groups == 0 else {
      throw ShapeMismatch(
        "\(x[1]) channels in and \(weight[0]) out do not divide into \(groups) groups")
    }
    guard weight.extents.allSatisfy({ $0 >= 1 }) else {
      throw ShapeMismatch("expected a weight of positive extents, found \(weight)")
    }
    guard x[1] == weight[1] * groups else {
      throw ShapeMismatch(
        "expected input [batch, \(weight[1] * groups), height, width], found \(x)")
    }
    if hasBias && inputs[2].extents != [weight[0]] {
      throw ShapeMismatch("expected bias [\(weight[0])], found \(inputs[2])")
    }
    var extents = [x[0], weight[0]]
    for axis in 2...3 {
      let reach = dilation * (weight[axis] - 1) + 1
      let room = x[axis] + 2 * padding - reach
      if room < 0 {
        throw ShapeMismatch(
          "a kernel reaching over \(reach) pixels does not fit input \(x) with padding \(padding)")
      }
      extents.append(room / stride + 1)
    }
    return Shape(extents)
  }

  package func compile(_ site: Site) throws -> CompiledOperation {
    let primitives = try ConvolutionPrimitives(self, site)
    var forward = try primitives.forward()
    if activation != nil { forward.append(reluInPlace(site.output)) }
    guard let upstream = site.outputGradient else { return CompiledOperation(forward: forward) }

    var backward = maskAndBiasGradient(site, upstream)
    let dz = primitives.upstream(upstream)
    backward += dz.preparation
    if let target = site.inputGradients[0] {
      backward += try primitives.inputGradient(dz, into: target)
    }
    if let target = site.inputGradients[1] {
      backward += try primitives.weightGradient(dz, into: target)
    }
    return CompiledOperation(forward: forward, backward: backward)
  }

  /// dz in place of dy, and db = Σ dz, in one pass over both. Not oneDNN's db: that one is summed
  /// in float over all pixels, 2.5e-5 off in a small inception block where this is 4e-6.
  private func maskAndBiasGradient(_ site: Site, _ upstream: Buffer) -> [any Kernel] {
    let mask = activation == nil ? nil : site.output
    guard hasBias, let target = site.inputGradients[2] else {
      return mask.map { [reluMask(gradient: upstream, output: $0)] } ?? []
    }
    let channels = site.outputShape[1]
    let rows = site.outputShape.count / channels
    let accumulates: Int32 = target.accumulates ? 1 : 0
    return [
      ClosureKernel([upstream, target.buffer] + (mask.map { [$0] } ?? [])) { pointers in
        ck_column_sums(
          pointers[0], mask == nil ? nil : pointers[2], pointers[1], rows, channels, accumulates)
      }
    ]
  }
}
