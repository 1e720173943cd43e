import Basics
import COneDNN

/// What oneDNN chose for one operation: its implementation and the layouts it wants.
final class PrimitiveDescriptor {
  let handle: dnnl_primitive_desc_t

  /// - Parameters:
  ///   - operation: an operation descriptor; read, not kept.
  ///   - forward: the forward primitive's descriptor where this is its backward.
  convenience init<Operation>(
    _ operation: inout Operation, engine: ComputeEngine,
    postOperations: dnnl_post_ops_t? = nil, forward: PrimitiveDescriptor? = nil
  ) throws {
    try self.init("dnnl_primitive_desc_create", postOperations: postOperations) {
      descriptor, attributes in
      withUnsafePointer(to: &operation) {
        dnnl_primitive_desc_create(
          &descriptor, $0, attributes, engine.engine, forward?.handle)
      }
    }
  }

  /// A copy from one layout to another.
  convenience init(
    reorder source: dnnl_memory_desc_t, to target: dnnl_memory_desc_t, engine: ComputeEngine
  ) throws {
    var (source, target) = (source, target)
    try self.init("dnnl_reorder_primitive_desc_create") { descriptor, attributes in
      dnnl_reorder_primitive_desc_create(
        &descriptor, &source, engine.engine, &target, engine.engine, attributes)
    }
  }

  /// Scratchpads are in user mode: they lie in the plan's workspace.
  private init(
    _ function: String, postOperations: dnnl_post_ops_t? = nil,
    create: (inout dnnl_primitive_desc_t?, dnnl_primitive_attr_t?) -> dnnl_status_t
  ) throws {
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
    var descriptor: dnnl_primitive_desc_t?
    try check(function, create(&descriptor, attributes))
    guard let descriptor else {
      throw Failure.internalError("oneDNN made no primitive descriptor")
    }
    handle = descriptor
  }

  deinit { dnnl_primitive_desc_destroy(handle) }

  /// The layout oneDNN chose for an argument: `dnnl_query_weights_md` and its like.
  func layout(_ query: dnnl_query_t) throws -> dnnl_memory_desc_t {
    guard let layout = dnnl_primitive_desc_query_md(handle, query, 0) else {
      throw Failure.internalError("oneDNN knows no layout for query \(query.rawValue)")
    }
    return layout.pointee
  }

  /// nil where none is needed.
  var scratchpad: (layout: dnnl_memory_desc_t, bytes: Int)? {
    guard let layout = dnnl_primitive_desc_query_md(handle, dnnl_query_scratchpad_md, 0) else {
      return nil
    }
    let bytes = dnnl_memory_desc_get_size(layout)
    return bytes > 0 ? (layout.pointee, bytes) : nil
  }
}
