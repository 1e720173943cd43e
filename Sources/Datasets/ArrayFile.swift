import Basics

/// One array of numbers in a file, read by ranges of its first axis.
struct ArrayFile: Sendable {
  let content: Content
  let format: ArrayFormat

  func header() throws -> ArrayHeader { try ArrayHeader(content, format) }

  /// Hands over rows as numbers, some at a time: the first row's index and `[n, rowCount]` values.
  ///
  /// A gzip stream must be read from row 0; at its last row its checksum is verified too.
  ///
  /// - Throws: `Failure.badData` where the file ends early, and whatever `body` throws.
  func read(
    _ header: ArrayHeader, rows: Range<Int>,
    _ body: (_ firstRow: Int, UnsafeBufferPointer<Double>) throws -> Void
  ) throws {
    guard !rows.isEmpty else { return }
    let width = header.rowCount
    let rowBytes = width * header.type.byteCount
    let step = min(rows.count, max(1, (1 << 18) / width))
    let raw = AlignedBuffer<UInt8>(count: step * rowBytes)
    let values = AlignedBuffer<Double>(count: step * width)
    let stream = try ByteStream(
      content,
      startingAt: header.dataOffset + (header.isFortran ? 0 : rows.lowerBound * rowBytes))
    for first in stride(from: rows.lowerBound, to: rows.upperBound, by: step) {
      let count = min(step, rows.upperBound - first)
      if header.isFortran {
        try readColumns(header, first..<(first + count), stream, raw, values)
      } else {
        try stream.readAll(raw.firstBytes(count * rowBytes))
        header.type.convert(
          raw.pointer, count: count * width, isBigEndian: header.isBigEndian, to: values.pointer)
      }
      try body(first, UnsafeBufferPointer(rebasing: values.elements[..<(count * width)]))
    }
    if content.isCompressed, rows.upperBound == header.rows { try stream.requireEnd() }
  }

  /// Copies rows of bytes as they are: `memory` is `[rows, rowCount]`.
  func copyBytes(
    _ header: ArrayHeader, rows: Range<Int>, to memory: UnsafeMutableRawPointer
  ) throws {
    precondition(header.type == .uint8 && !header.isFortran, "only bytes in C order are copied")
    let width = header.rowCount
    let stream = try ByteStream(
      content, startingAt: header.dataOffset + rows.lowerBound * width)
    try stream.readAll(UnsafeMutableRawBufferPointer(start: memory, count: rows.count * width))
    if content.isCompressed, rows.upperBound == header.rows { try stream.requireEnd() }
  }

  /// In Fortran order every feature is a run of rows: reads each run and transposes it.
  private func readColumns(
    _ header: ArrayHeader, _ rows: Range<Int>, _ stream: ByteStream, _ raw: AlignedBuffer<UInt8>,
    _ values: AlignedBuffer<Double>
  ) throws {
    let width = header.rowCount
    let size = header.type.byteCount
    let extents = header.shape.dropFirst()
    let run = AlignedBuffer<Double>(count: rows.count)
    for column in 0..<width {
      // The column's multi-index, first axis fastest, as a position with the last axis fastest.
      var (rest, position) = (column, 0)
      var stride = width
      for extent in extents {
        stride /= extent
        position += rest % extent * stride
        rest /= extent
      }
      stream.seek(to: header.dataOffset + (column * header.rows + rows.lowerBound) * size)
      try stream.readAll(raw.firstBytes(rows.count * size))
      header.type.convert(
        raw.pointer, count: rows.count, isBigEndian: header.isBigEndian, to: run.pointer)
      for row in 0..<rows.count { values.pointer[row * width + position] = run.pointer[row] }
    }
  }
}

extension AlignedBuffer<UInt8> {
  fileprivate func firstBytes(_ count: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: pointer, count: count)
  }
}
