import Basics
import COneDNN

/// A oneDNN primitive with its memory objects, made once; running it makes nothing of ours.
final class PrimitiveKernel: Kernel {
  /// One argument: oneDNN's number for it, its layout, and where it lies.
  struct Argument {
    let index: Int32
    let descriptor: dnnl_memory_desc_t
    let buffer: Buffer
  }

  let descriptor: PrimitiveDescriptor
  let flops: Int
  private let engine: ComputeEngine
  private let primitive: dnnl_primitive_t
  private let arguments: UnsafeMutableBufferPointer<dnnl_exec_arg_t>
  let buffers: [Buffer]

  /// - Parameter arguments: all but the scratchpad, which is added where there is one.
  init(
    _ descriptor: PrimitiveDescriptor, site: Site, during: Site.Scratch, arguments: [Argument],
    flops: Int = 0
  ) throws {
    engine = site.engine
    self.flops = flops
    self.descriptor = descriptor
    var primitive: dnnl_primitive_t?
    try check("dnnl_primitive_create", dnnl_primitive_create(&primitive, descriptor.handle))
    guard let primitive else { throw Failure.internalError("oneDNN made no primitive") }
    self.primitive = primitive

    var all = arguments
    if let scratchpad = descriptor.scratchpad {
      all.append(
        Argument(
          index: dt_arg_scratchpad(), descriptor: scratchpad.layout,
          buffer: site.scratch(bytes: scratchpad.bytes, during: during)))
    }
    buffers = all.map(\.buffer)
    self.arguments = .allocate(capacity: all.count)
    for (position, argument) in all.enumerated() {
      var memory: dnnl_memory_t?
      var descriptor = argument.descriptor
      try check(
        "dnnl_memory_create",
        dnnl_memory_create(&memory, &descriptor, site.engine.engine, dt_memory_none()))
      self.arguments.initializeElement(
        at: position, to: dnnl_exec_arg_t(arg: argument.index, memory: memory))
    }
  }

  /// From an operation descriptor whose layouts are all known beforehand.
  convenience init<Descriptor>(
    _ descriptor: inout Descriptor, site: Site, during: Site.Scratch,
    arguments: [Argument], postOperations: dnnl_post_ops_t? = nil,
    forwardHint: PrimitiveKernel? = nil, flops: Int = 0
  ) throws {
    let primitive = try PrimitiveDescriptor(
      &descriptor, engine: site.engine, postOperations: postOperations,
      forward: forwardHint?.descriptor)
    try self.init(primitive, site: site, during: during, arguments: arguments, flops: flops)
  }

  deinit {
    for argument in arguments { dnnl_memory_destroy(argument.memory) }
    arguments.deallocate()
    dnnl_primitive_destroy(primitive)
  }

  func bind(_ bases: MemoryBases) {
    for (position, buffer) in buffers.enumerated() {
      let status = dnnl_memory_set_data_handle(
        arguments[position].memory, bases.address(of: buffer))
      precondition(status == dnnl_success, "oneDNN refused an address")
    }
  }

  func run() throws {
    try check(
      "dnnl_primitive_execute",
      dnnl_primitive_execute(
        primitive, engine.stream, Int32(arguments.count), arguments.baseAddress))
  }
}

/// A copy of an array from one layout to another.
func reorder(
  _ source: Buffer, _ from: dnnl_memory_desc_t, to target: Buffer, _ to: dnnl_memory_desc_t,
  site: Site, during: Site.Scratch
) throws -> PrimitiveKernel {
  let descriptor = try PrimitiveDescriptor(reorder: from, to: to, engine: site.engine)
  return try PrimitiveKernel(
    descriptor, site: site, during: during,
    arguments: [
      .init(index: dt_arg_src(), descriptor: from, buffer: source),
      .init(index: dt_arg_dst(), descriptor: to, buffer: target),
    ])
}
