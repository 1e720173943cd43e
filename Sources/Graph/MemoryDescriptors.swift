import Basics
import COneDNN

/// A plain row-major array, or one with explicit strides.
func plainDescriptor(
  _ extents: [Int], strides: [Int]? = nil, type: dnnl_data_type_t = dnnl_f32
) throws -> dnnl_memory_desc_t {
  var descriptor = dnnl_memory_desc_t()
  var strides = strides.map { $0.map(Int64.init) } ?? rowMajorStrides(extents)
  var extents = extents.map(Int64.init)
  try check(
    "dnnl_memory_desc_init_by_strides",
    dnnl_memory_desc_init_by_strides(
      &descriptor, Int32(extents.count), &extents, type, &strides))
  return descriptor
}

/// An image `[batch, channels, height, width]` that lies channels last.
func channelsLastDescriptor(
  _ shape: Shape, type: dnnl_data_type_t = dnnl_f32
) throws -> dnnl_memory_desc_t {
  let (channels, height, width) = (shape[1], shape[2], shape[3])
  return try plainDescriptor(
    shape.extents, strides: [height * width * channels, 1, width * channels, channels], type: type)
}

/// An array whose layout oneDNN is to choose.
func freeDescriptor(
  _ extents: [Int], type: dnnl_data_type_t = dnnl_f32
) throws -> dnnl_memory_desc_t {
  var descriptor = dnnl_memory_desc_t()
  var dimensions = extents.map(Int64.init)
  try check(
    "dnnl_memory_desc_init_by_tag",
    dnnl_memory_desc_init_by_tag(
      &descriptor, Int32(extents.count), &dimensions, type, dnnl_format_tag_any))
  return descriptor
}

func isEqual(_ a: dnnl_memory_desc_t, _ b: dnnl_memory_desc_t) -> Bool {
  var (a, b) = (a, b)
  return dnnl_memory_desc_equal(&a, &b) != 0
}

func byteCount(_ descriptor: dnnl_memory_desc_t) -> Int {
  var descriptor = descriptor
  return dnnl_memory_desc_get_size(&descriptor)
}

private func rowMajorStrides(_ extents: [Int]) -> [Int64] {
  var strides = [Int64](repeating: 1, count: extents.count)
  for axis in stride(from: extents.count - 2, through: 0, by: -1) {
    strides[axis] = strides[axis + 1] * Int64(extents[axis + 1])
  }
  return strides
}
