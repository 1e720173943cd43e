/// A curve over whole steps, for a terminal or as an SVG picture.
package struct LineChart: Sendable {
  package let title: String
  package let xLabel: String
  package let yLabel: String
  /// y at x = 0, xStep, 2·xStep, …: one value or more.
  let values: [Double]
  let xStep: Int

  /// - Precondition: values are finite.
  package init(title: String, xLabel: String, yLabel: String, values: [Double], xStep: Int = 1) {
    precondition(!values.isEmpty && values.allSatisfy(\.isFinite), "a chart of finite values")
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.values = values
    self.xStep = xStep
  }

  var lastX: Int { (values.count - 1) * xStep }

  /// From zero, so that two rates can be told apart by height; a flat zero has a scale too.
  var range: (low: Double, high: Double) {
    let low = min(0, values.min() ?? 0)
    let high = values.max() ?? 0
    return (low, high > low ? high : low + 1)
  }

  /// Lowest and highest value of each of `columns` equal stretches of x.
  func columns(_ columns: Int) -> [(low: Double, high: Double)] {
    (0..<columns).map { column in
      let start = column * values.count / columns
      let end = max(start + 1, (column + 1) * values.count / columns)
      let stretch = values[start..<min(end, values.count)]
      return (stretch.min() ?? 0, stretch.max() ?? 0)
    }
  }
}
