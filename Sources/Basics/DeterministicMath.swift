/// Logarithm and cosine from +, −, ×, ÷ alone.
///
/// The C library picks its own variant by CPU, so its last bit may differ between hosts. Initial
/// weights must not: they come from these.
package enum DeterministicMath {
  /// Natural logarithm of a positive normal number. Relative error below 1e-15.
  package static func log(_ x: Double) -> Double {
    precondition(x > 0 && x.isNormal, "log needs a positive normal number")
    var exponent = Double(x.exponent)
    var mantissa = x.significand
    if mantissa > 1.4142135623730951 {
      mantissa /= 2
      exponent += 1
    }
    // log m = 2 atanh((m − 1)/(m + 1)), |argument| ≤ 0.172: 13 terms reach 1e-21.
    let ratio = (mantissa - 1) / (mantissa + 1)
    let square = ratio * ratio
    var sum = 0.0
    for term in stride(from: 25, through: 1, by: -2) {
      sum = sum * square + 1 / Double(term)
    }
    return 2 * ratio * sum + exponent * 0.6931471805599453
  }

  /// cos(2π·turn) for turn in [0, 1). Absolute error below 1e-15.
  package static func cosineOfTurn(_ turn: Double) -> Double {
    // Fold to [0, 1/4] by symmetry; exact in binary.
    let half = turn > 0.5 ? 1 - turn : turn
    let (fold, sign) = half > 0.25 ? (0.5 - half, -1.0) : (half, 1.0)
    let angle = fold * 6.283185307179586
    let square = angle * angle
    var sum = 1.0
    for term in stride(from: 24, through: 2, by: -2) {
      sum = 1 - square / Double(term * (term - 1)) * sum
    }
    return sign * sum
  }
}
