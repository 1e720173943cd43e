import COneDNN

/// Matrices in a buffer one after another, row-major or seen transposed.
struct MatrixOperand {
  private(set) var buffer: Buffer
  let type: dnnl_data_type_t
  /// nil: one matrix, without an axis to count them.
  let count: Int?
  private(set) var rows: Int
  private(set) var columns: Int
  /// Elements from one stored row to the next.
  private let pitch: Int
  private var isTransposed = false

  init(
    _ buffer: Buffer, type: dnnl_data_type_t = dnnl_f32, count: Int? = nil, rows: Int, columns: Int
  ) {
    self.buffer = buffer
    self.type = type
    self.count = count
    self.rows = rows
    self.columns = columns
    pitch = columns
  }

  init(_ operand: ProductOperand, count: Int? = nil, rows: Int, columns: Int) {
    self.init(operand.buffer, type: operand.type, count: count, rows: rows, columns: columns)
  }

  var transposed: MatrixOperand {
    var result = self
    (result.rows, result.columns) = (columns, rows)
    result.isTransposed.toggle()
    return result
  }

  /// Some rows of a single matrix; they must begin at whole elements of the buffer, 4 bytes.
  func rows(_ range: Range<Int>) -> MatrixOperand {
    precondition(count == nil && range.upperBound <= rows)
    func place(_ index: Int) -> Int { index * dnnl_data_type_size(type) / 4 }
    var result = self
    result.rows = range.count
    result.buffer =
      isTransposed
      ? Buffer(place(range.lowerBound)..<buffer.count, of: buffer)
      : Buffer(place(range.lowerBound * pitch)..<place(range.upperBound * pitch), of: buffer)
    return result
  }

  func descriptor() throws -> dnnl_memory_desc_t {
    let strides = isTransposed ? [1, pitch] : [pitch, 1]
    guard let count else {
      return try plainDescriptor([rows, columns], strides: strides, type: type)
    }
    return try plainDescriptor(
      [count, rows, columns], strides: [rows * columns] + strides, type: type)
  }
}

/// C (+)= A·B + bias by oneDNN's matmul, C in float32.
func matrixProduct(
  _ a: MatrixOperand, _ b: MatrixOperand, into c: MatrixOperand, accumulates: Bool = false,
  bias: Buffer? = nil, site: Site, during: Site.Scratch
) throws -> PrimitiveKernel {
  var (aLayout, bLayout, cLayout) = (
    try a.descriptor(), try b.descriptor(), try c.descriptor()
  )
  var arguments: [PrimitiveKernel.Argument] = [
    .init(index: dt_arg_src(), descriptor: aLayout, buffer: a.buffer),
    .init(index: dt_arg_weights(), descriptor: bLayout, buffer: b.buffer),
    .init(index: dt_arg_dst(), descriptor: cLayout, buffer: c.buffer),
  ]
  var descriptor = dnnl_matmul_desc_t()
  if let bias {
    var biasLayout = try plainDescriptor([1, c.columns])
    arguments.append(.init(index: dt_arg_bias(), descriptor: biasLayout, buffer: bias))
    try check(
      "dnnl_matmul_desc_init",
      dnnl_matmul_desc_init(&descriptor, &aLayout, &bLayout, &biasLayout, &cLayout))
  } else {
    try check(
      "dnnl_matmul_desc_init",
      dnnl_matmul_desc_init(&descriptor, &aLayout, &bLayout, nil, &cLayout))
  }
  var postOperations: dnnl_post_ops_t?
  try check("dnnl_post_ops_create", dnnl_post_ops_create(&postOperations))
  defer { dnnl_post_ops_destroy(postOperations) }
  if accumulates {
    try check("dnnl_post_ops_append_sum", dnnl_post_ops_append_sum(postOperations, 1))
  }
  return try PrimitiveKernel(
    &descriptor, site: site, during: during, arguments: arguments,
    postOperations: postOperations, flops: 2 * (c.count ?? 1) * c.rows * c.columns * a.columns)
}
