import CKernels

/// Numbers in words of 16 bits.
package enum WireFormat: Sendable, CaseIterable {
  /// The upper half of a float: its range, 8 bits of precision.
  case bfloat16
  /// IEEE 754 binary16: 11 bits of precision. Its range is narrow, from 2^−24 to 65,504, and sums of
  /// gradients are found on either side of it; so every block is divided by a power of two of its
  /// own, the exponent of which is one more word. None overflows, and what is too small for a
  /// block's scale is left to the error feedback.
  case binary16

  /// Words of a block of `count` numbers.
  package func wordCount(_ count: Int) -> Int { self == .binary16 ? count + 1 : count }

  package func encode(
    _ values: UnsafePointer<Float>, into words: UnsafeMutablePointer<UInt16>, count: Int
  ) {
    switch self {
    case .bfloat16: ck_to_bfloat16(values, words, count)
    case .binary16:
      let exponent = ck_to_float16(values, words + 1, count)
      words[0] = UInt16(bitPattern: Int16(exponent))
    }
  }

  package func decode(
    _ words: UnsafePointer<UInt16>, into values: UnsafeMutablePointer<Float>, count: Int
  ) {
    switch self {
    case .bfloat16: ck_from_bfloat16(words, values, count)
    case .binary16:
      ck_from_float16(words + 1, Int32(Int16(bitPattern: words[0])), values, count)
    }
  }
}
