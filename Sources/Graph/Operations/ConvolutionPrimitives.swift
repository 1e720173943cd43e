import Basics
import COneDNN

/// The oneDNN primitives of one convolution in one plan.
struct ConvolutionPrimitives {
  let site: Site
  let hasBias: Bool
  /// Descriptors of the data as it lies.
  private let x: dnnl_memory_desc_t
  private let y: dnnl_memory_desc_t
  private let plainWeight: dnnl_memory_desc_t
  private let plainBias: dnnl_memory_desc_t
  /// The weight in whatever order the primitive likes best.
  private let anyWeight: dnnl_memory_desc_t
  private let strides: [Int64]
  private let dilations: [Int64]
  private let padding: [Int64]
  private let forwardDescriptor: PrimitiveDescriptor

  init(_ convolution: Convolution, _ site: Site) throws {
    self.site = site
    hasBias = convolution.hasBias
    let geometry = convolution.geometry
    let weight = site.inputShapes[1]
    var extents = weight.extents
    if geometry.groups > 1 {
      extents[0] /= geometry.groups
      extents.insert(geometry.groups, at: 0)
    }
    x = try channelsLastDescriptor(site.inputShapes[0])
    y = try channelsLastDescriptor(site.outputShape)
    plainWeight = try plainDescriptor(extents)
    plainBias = try plainDescriptor([weight[0]])
    anyWeight = try freeDescriptor(extents)
    let strides = Array(repeating: Int64(geometry.stride), count: 2)
    // oneDNN counts the pixels left out between two taps.
    let dilations = Array(repeating: Int64(geometry.dilation - 1), count: 2)
    let padding = Array(repeating: Int64(geometry.padding), count: 2)
    (self.strides, self.dilations, self.padding) = (strides, dilations, padding)

    var (x, y, weights, bias) = (x, y, anyWeight, plainBias)
    var operation = dnnl_convolution_desc_t()
    try check(
      "dnnl_dilated_convolution_forward_desc_init",
      withOptionalPointer(to: &bias, hasBias) {
        dnnl_dilated_convolution_forward_desc_init(
          &operation, dnnl_forward_training, dnnl_convolution_direct, &x, &weights, $0, &y,
          strides, dilations, padding, padding)
      })
    forwardDescriptor = try PrimitiveDescriptor(&operation, engine: site.engine)
  }

  func forward() throws -> [any Kernel] {
    let (weight, copies) = try weight(of: forwardDescriptor, during: .forward)
    var arguments: [PrimitiveKernel.Argument] = [
      .init(index: dt_arg_src(), descriptor: x, buffer: site.inputs[0]),
      weight,
      .init(index: dt_arg_dst(), descriptor: y, buffer: site.output),
    ]
    if hasBias {
      arguments.append(
        .init(index: dt_arg_bias(), descriptor: plainBias, buffer: site.inputs[2]))
    }
    return copies + [
      try PrimitiveKernel(forwardDescriptor, site: site, during: .forward, arguments: arguments)
    ]
  }

  func inputGradient(_ upstream: Buffer, into target: GradientTarget) throws -> [any Kernel] {
    var (x, y, weights) = (x, y, anyWeight)
    var operation = dnnl_convolution_desc_t()
    try check(
      "dnnl_dilated_convolution_backward_data_desc_init",
      dnnl_dilated_convolution_backward_data_desc_init(
        &operation, dnnl_convolution_direct, &x, &weights, &y, strides, dilations, padding,
        padding))
    let descriptor = try PrimitiveDescriptor(
      &operation, engine: site.engine, forward: forwardDescriptor)
    let (weight, copies) = try weight(of: descriptor, during: .backward)
    let (result, addition) = accumulation(
      into: target, count: site.inputShapes[0].count, site)
    let kernel = try PrimitiveKernel(
      descriptor, site: site, during: .backward,
      arguments: [
        .init(index: dt_arg_diff_dst(), descriptor: y, buffer: upstream),
        weight,
        .init(index: dt_arg_diff_src(), descriptor: x, buffer: result),
      ])
    return copies + [kernel] + addition
  }

  func weightGradient(_ upstream: Buffer, into target: GradientTarget) throws -> [any Kernel] {
    var (x, y, weights) = (x, y, anyWeight)
    var operation = dnnl_convolution_desc_t()
    try check(
      "dnnl_dilated_convolution_backward_weights_desc_init",
      dnnl_dilated_convolution_backward_weights_desc_init(
        &operation, dnnl_convolution_direct, &x, &weights, nil, &y, strides, dilations, padding,
        padding))
    let descriptor = try PrimitiveDescriptor(
      &operation, engine: site.engine, forward: forwardDescriptor)
    let chosen = try descriptor.layout(dnnl_query_diff_weights_md)
    let (result, addition) = accumulation(into: target, count: site.inputShapes[1].count, site)
    let isPlain = isEqual(chosen, plainWeight)
    let direct = isPlain ? result : site.scratch(bytes: byteCount(chosen), during: .backward)
    let kernel = try PrimitiveKernel(
      descriptor, site: site, during: .backward,
      arguments: [
        .init(index: dt_arg_src(), descriptor: x, buffer: site.inputs[0]),
        .init(index: dt_arg_diff_dst(), descriptor: y, buffer: upstream),
        .init(index: dt_arg_diff_weights(), descriptor: chosen, buffer: direct),
      ])
    if isPlain { return [kernel] + addition }
    let copy = try reorder(
      direct, chosen, to: result, plainWeight, site: site, during: .backward)
    return [kernel, copy] + addition
  }

  /// The weight as a primitive wants it, and the copy that brings it there.
  private func weight(
    of descriptor: PrimitiveDescriptor, during: Site.Scratch
  ) throws -> (argument: PrimitiveKernel.Argument, copies: [any Kernel]) {
    let chosen = try descriptor.layout(dnnl_query_weights_md)
    if isEqual(chosen, plainWeight) {
      return (.init(index: dt_arg_weights(), descriptor: chosen, buffer: site.inputs[1]), [])
    }
    let copy = site.scratch(bytes: byteCount(chosen), during: during)
    return (
      .init(index: dt_arg_weights(), descriptor: chosen, buffer: copy),
      [try reorder(site.inputs[1], plainWeight, to: copy, chosen, site: site, during: during)]
    )
  }
}

private func withOptionalPointer<Value, Result>(
  to value: inout Value, _ isPresent: Bool, _ body: (UnsafePointer<Value>?) -> Result
) -> Result {
  withUnsafePointer(to: &value) { body(isPresent ? $0 : nil) }
}
