/// The value of `-12.5e3` and its like; nil for anything else, infinity where it is too large.
///
/// Hexadecimal numbers, `nan`, `inf`, thousands separators and empty fields are refused.
package func parseDecimal(_ bytes: UnsafeBufferPointer<UInt8>) -> Double? {
  var position = 0
  func digit() -> UInt64? {
    guard position < bytes.count, (0x30...0x39).contains(bytes[position]) else { return nil }
    return UInt64(bytes[position] - 0x30)
  }
  func take(_ accepted: UInt8, _ other: UInt8) -> UInt8? {
    guard position < bytes.count, bytes[position] == accepted || bytes[position] == other else {
      return nil
    }
    position += 1
    return bytes[position - 1]
  }
  let plus: UInt8 = 0x2B
  let minus: UInt8 = 0x2D
  let point: UInt8 = 0x2E

  let isNegative = take(plus, minus) == minus
  var mantissa: UInt64 = 0
  var digits = 0
  var scale = 0
  func number(_ weight: Int) {
    while let next = digit() {
      // Wraps beyond 19 digits, where the mantissa is not used.
      mantissa = mantissa &* 10 &+ next
      digits += 1
      scale += weight
      position += 1
    }
  }
  number(0)
  if take(point, point) != nil { number(-1) }
  guard digits > 0 else { return nil }
  if take(0x65, 0x45) != nil {
    let isSmall = take(plus, minus) == minus
    guard digit() != nil else { return nil }
    var exponent = 0
    while let next = digit() {
      exponent = min(exponent * 10 + Int(next), 100_000)
      position += 1
    }
    scale += isSmall ? -exponent : exponent
  }
  guard position == bytes.count else { return nil }
  // Both factors are exact here, so one rounding gives the nearest number.
  if digits <= 15, abs(scale) < exactPowersOfTen.count {
    let power = exactPowersOfTen[abs(scale)]
    let value = scale < 0 ? Double(mantissa) / power : Double(mantissa) * power
    return isNegative ? -value : value
  }
  return Double(String(decoding: bytes, as: UTF8.self))
}

private let exactPowersOfTen: [Double] = [
  1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
  1e18, 1e19, 1e20, 1e21, 1e22,
]
