import Basics
import COneDNN

/// The oneDNN primitives of one convolution in one plan.
///
/// What is multiplied is in the engine's precision; results and gradients are float32.
struct ConvolutionPrimitives {
  let site: Site
  let hasBias: Bool
  private let precision: Precision
  /// Of what is multiplied.
  private let type: dnnl_data_type_t
  private let weightExtents: [Int]
  private let strides: [Int64]
  private let dilations: [Int64]
  private let padding: [Int64]
  private let forwardDescriptor: PrimitiveDescriptor

  init(_ convolution: Convolution, _ site: Site) throws {
    self.site = site
    hasBias = convolution.hasBias
    precision = site.engine.precision
    type = precision == .bfloat16 ? dnnl_bf16 : dnnl_f32
    let geometry = convolution.geometry
    let weight = site.inputShapes[1]
    var extents = weight.extents
    if geometry.groups > 1 {
      extents[0] /= geometry.groups
      extents.insert(geometry.groups, at: 0)
    }
    weightExtents = extents
    let strides = Array(repeating: Int64(geometry.stride), count: 2)
    // oneDNN counts the pixels left out between two taps.
    let dilations = Array(repeating: Int64(geometry.dilation - 1), count: 2)
    let padding = Array(repeating: Int64(geometry.padding), count: 2)
    (self.strides, self.dilations, self.padding) = (strides, dilations, padding)

    var x = try channelsLastDescriptor(site.inputShapes[0], type: type)
    var y = try channelsLastDescriptor(site.outputShape)
    var weights = try freeDescriptor(extents, type: type)
    var bias = try plainDescriptor([weight[0]])
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
    let x = site.operand(site.inputs[0], in: precision, during: .forward)
    let (weight, copies) = try weight(of: forwardDescriptor, during: .forward)
    var arguments: [PrimitiveKernel.Argument] = [
      .init(
        index: dt_arg_src(), descriptor: try image(site.inputShapes[0], x.type), buffer: x.buffer),
      weight,
      .init(
        index: dt_arg_dst(), descriptor: try image(site.outputShape), buffer: site.output),
    ]
    if hasBias {
      arguments.append(
        .init(
          index: dt_arg_bias(), descriptor: try plainDescriptor([site.inputShapes[1][0]]),
          buffer: site.inputs[2]))
    }
    return x.preparation + copies + [
      try PrimitiveKernel(
        forwardDescriptor, site: site, during: .forward, arguments: arguments, flops: flops)
    ]
  }

  /// The gradient of the result as the backward primitives take it.
  func upstream(_ gradient: Buffer) -> ProductOperand {
    site.operand(gradient, in: precision, during: .backward)
  }

  func inputGradient(
    _ upstream: ProductOperand, into target: GradientTarget
  ) throws -> [any Kernel] {
    var x = try image(site.inputShapes[0])
    var y = try image(site.outputShape, type)
    var weights = try freeDescriptor(weightExtents, type: type)
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
        .init(index: dt_arg_diff_dst(), descriptor: y, buffer: upstream.buffer),
        weight,
        .init(index: dt_arg_diff_src(), descriptor: x, buffer: result),
      ], flops: flops)
    return copies + [kernel] + addition
  }

  func weightGradient(
    _ upstream: ProductOperand, into target: GradientTarget
  ) throws -> [any Kernel] {
    let source = site.operand(site.inputs[0], in: precision, during: .backward)
    var x = try image(site.inputShapes[0], type)
    var y = try image(site.outputShape, type)
    var weights = try freeDescriptor(weightExtents)
    var operation = dnnl_convolution_desc_t()
    try check(
      "dnnl_dilated_convolution_backward_weights_desc_init",
      dnnl_dilated_convolution_backward_weights_desc_init(
        &operation, dnnl_convolution_direct, &x, &weights, nil, &y, strides, dilations, padding,
        padding))
    let descriptor = try PrimitiveDescriptor(
      &operation, engine: site.engine, forward: forwardDescriptor)
    let chosen = try descriptor.layout(dnnl_query_diff_weights_md)
    let plain = try plainDescriptor(weightExtents)
    let (result, addition) = accumulation(into: target, count: site.inputShapes[1].count, site)
    let isPlain = isEqual(chosen, plain)
    let direct = isPlain ? result : site.scratch(bytes: byteCount(chosen), during: .backward)
    let kernel = try PrimitiveKernel(
      descriptor, site: site, during: .backward,
      arguments: [
        .init(index: dt_arg_src(), descriptor: x, buffer: source.buffer),
        .init(index: dt_arg_diff_dst(), descriptor: y, buffer: upstream.buffer),
        .init(index: dt_arg_diff_weights(), descriptor: chosen, buffer: direct),
      ], flops: flops)
    let kernels = source.preparation + [kernel]
    if isPlain { return kernels + addition }
    let copy = try reorder(direct, chosen, to: result, plain, site: site, during: .backward)
    return kernels + [copy] + addition
  }

  /// The weight as a primitive wants it, and the copies that bring it there.
  private func weight(
    of descriptor: PrimitiveDescriptor, during: Site.Scratch
  ) throws -> (argument: PrimitiveKernel.Argument, copies: [any Kernel]) {
    let source = site.operand(site.inputs[1], in: precision, during: during)
    let plain = try plainDescriptor(weightExtents, type: type)
    let chosen = try descriptor.layout(dnnl_query_weights_md)
    if isEqual(chosen, plain) {
      return (
        .init(index: dt_arg_weights(), descriptor: chosen, buffer: source.buffer),
        source.preparation
      )
    }
    let copy = site.scratch(bytes: byteCount(chosen), during: during)
    return (
      .init(index: dt_arg_weights(), descriptor: chosen, buffer: copy),
      source.preparation + [
        try reorder(source.buffer, plain, to: copy, chosen, site: site, during: during)
      ]
    )
  }

  /// Of each of the three: every result takes a product with every tap of every channel it sees.
  private var flops: Int {
    2 * site.outputShape.count * site.inputShapes[1].extents.dropFirst().reduce(1, *)
  }

  private func image(_ shape: Shape, _ type: dnnl_data_type_t = dnnl_f32) throws
    -> dnnl_memory_desc_t
  {
    try channelsLastDescriptor(shape, type: type)
  }
}

private func withOptionalPointer<Value, Result>(
  to value: inout Value, _ isPresent: Bool, _ body: (UnsafePointer<Value>?) -> Result
) -> Result {
  withUnsafePointer(to: &value) { body(isPresent ? $0 : nil) }
}
