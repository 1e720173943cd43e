import Glibc

/// One axis of a drawn chart: which values stand where.
struct ChartAxis {
  private let low: Double
  private let high: Double
  private let isLogarithmic: Bool
  /// The values that are written beside it, ascending.
  let marks: [Double]

  /// Five marks at equal distances.
  init(from low: Double, to high: Double) {
    (self.low, self.high, isLogarithmic) = (low, high, false)
    marks = (0...4).map { low + (high - low) * Double($0) / 4 }
  }

  /// Logarithmic, from and to a power of two: these are the marks, of many every second, third, …
  ///
  /// - Precondition: `0 < low ≤ high`.
  init(powersOfTwoFrom low: Double, to high: Double) {
    precondition(low > 0 && low <= high, "a logarithmic axis has no zero")
    let first = Int(log2(low).rounded(.down))
    let last = max(first + 1, Int(log2(high).rounded(.up)))
    (self.low, self.high, isLogarithmic) = (exp2(Double(first)), exp2(Double(last)), true)
    let most = 8
    marks = stride(from: first, through: last, by: (last - first + most - 1) / most).map {
      exp2(Double($0))
    }
  }

  /// 0 at the low end, 1 at the high one.
  func share(_ value: Double) -> Double {
    isLogarithmic ? log2(value / low) / log2(high / low) : (value - low) / (high - low)
  }
}
