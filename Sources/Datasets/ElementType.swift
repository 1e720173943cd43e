/// A number type found in array files.
enum ElementType: Sendable, Equatable {
  case bool, uint8, uint16, uint32, uint64
  case int8, int16, int32, int64
  case float16, float32, float64

  var byteCount: Int {
    switch self {
    case .bool, .uint8, .int8: 1
    case .uint16, .int16, .float16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    }
  }

  /// Whether values can stand for classes as they are.
  var isInteger: Bool {
    switch self {
    case .float16, .float32, .float64: false
    default: true
    }
  }

  /// Reads `count` numbers; integers beyond 2^53 are rounded.
  func convert(
    _ raw: UnsafeRawPointer, count: Int, isBigEndian: Bool, to output: UnsafeMutablePointer<Double>
  ) {
    func each<Bits: FixedWidthInteger & BitwiseCopyable>(
      _: Bits.Type, _ value: (Bits) -> Double
    ) {
      for index in 0..<count {
        let bits = raw.loadUnaligned(
          fromByteOffset: index * MemoryLayout<Bits>.size, as: Bits.self)
        output[index] = value(isBigEndian ? Bits(bigEndian: bits) : Bits(littleEndian: bits))
      }
    }
    switch self {
    case .bool: each(UInt8.self) { $0 == 0 ? 0 : 1 }
    case .uint8: each(UInt8.self) { Double($0) }
    case .uint16: each(UInt16.self) { Double($0) }
    case .uint32: each(UInt32.self) { Double($0) }
    case .uint64: each(UInt64.self) { Double($0) }
    case .int8: each(Int8.self) { Double($0) }
    case .int16: each(Int16.self) { Double($0) }
    case .int32: each(Int32.self) { Double($0) }
    case .int64: each(Int64.self) { Double($0) }
    case .float16: each(UInt16.self) { Double(Float16(bitPattern: $0)) }
    case .float32: each(UInt32.self) { Double(Float(bitPattern: $0)) }
    case .float64: each(UInt64.self) { Double(bitPattern: $0) }
    }
  }
}
