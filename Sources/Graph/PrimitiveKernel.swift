import Basics
import COneDNN

/// A oneDNN primitive with its memory objects, made once; running it makes nothing of ours.
///
/// Scratchpads are in user mode: they lie in the plan's workspace.
final class PrimitiveKernel: Kernel {
  /// One argument: oneDNN's number for it, its layout, and where it lies.
  struct Argument {
    let index: Int32
    let descriptor: dnnl_memory_desc_t
    let buffer: Buffer
  }

  private let engine: ComputeEngine
  private let primitive: dnnl_primitive_t
  private let arguments: UnsafeMutableBufferPointer<dnnl_exec_arg_t>
  private let buffers: [Buffer]

  /// - Parameters:
  ///   - descriptor: an operation descriptor; read, not kept.
  ///   - forwardHint: the forward primitive's descriptor where this is its backward.
  init<Descriptor>(
    _ descriptor: inout Descriptor, site: Site, during: Site.Scratch,
    arguments: [Argument], postOperations: dnnl_post_ops_t? = nil,
    forwardHint: PrimitiveKernel? = nil
  ) throws {
    engine = site.engine
    var attributes: dnnl_primitive_attr_t?
    try check("dnnl_primitive_attr_create", dnnl_primitive_attr_create(&attributes))
    defer { dnnl_primitive_attr_destroy(attributes) }
    try check(
      "dnnl_primitive_attr_set_scratchpad_mode",
      dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user))
    if let postOperations {
      try check(
        "dnnl_primitive_attr_set_post_ops",
        dnnl_primitive_attr_set_post_ops(attributes, postOperations))
    }
    var primitiveDescriptor: dnnl_primitive_desc_t?
    let status = withUnsafePointer(to: &descriptor) {
      dnnl_primitive_desc_create(
        &primitiveDescriptor, $0, attributes, site.engine.engine, forwardHint?.descriptor)
    }
    try check("dnnl_primitive_desc_create", status)
    guard let primitiveDescriptor else {
      throw Failure.internalError("oneDNN made no primitive descriptor")
    }
    self.descriptor = primitiveDescriptor
    var primitive: dnnl_primitive_t?
    try check("dnnl_primitive_create", dnnl_primitive_create(&primitive, primitiveDescriptor))
    guard let primitive else { throw Failure.internalError("oneDNN made no primitive") }
    self.primitive = primitive

    var all = arguments
    if let scratchpad = dnnl_primitive_desc_query_md(
      primitiveDescriptor, dnnl_query_scratchpad_md, 0)
    {
      let bytes = dnnl_memory_desc_get_size(scratchpad)
      if bytes > 0 {
        all.append(
          Argument(
            index: dt_arg_scratchpad(), descriptor: scratchpad.pointee,
            buffer: site.scratch(bytes: bytes, during: during)))
      }
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

  private let descriptor: dnnl_primitive_desc_t

  deinit {
    for argument in arguments { dnnl_memory_destroy(argument.memory) }
    arguments.deallocate()
    dnnl_primitive_destroy(primitive)
    dnnl_primitive_desc_destroy(descriptor)
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
