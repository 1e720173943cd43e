/// Curves over steps, for a terminal or as an SVG picture.
package struct LineChart: Sendable {
  package struct Series: Sendable {
    let name: String
    /// Ascending in x.
    let points: [(x: Int, y: Double)]

    /// - Precondition: one point or more, finite, x ascends from 0 or above.
    package init(_ name: String, _ points: [(x: Int, y: Double)]) {
      precondition(
        !points.isEmpty && points.allSatisfy { $0.x >= 0 && $0.y.isFinite },
        "a curve of finite values")
      self.name = name
      self.points = points
    }

    /// `values` at x = 0, xStep, 2·xStep, …
    package init(_ name: String, _ values: [Double], xStep: Int = 1) {
      self.init(name, values.enumerated().map { ($0 * xStep, $1) })
    }
  }

  package let title: String
  package let xLabel: String
  package let yLabel: String
  let series: [Series]
  /// Whether the scale of y begins at zero.
  let showsZero: Bool

  /// - Parameter showsZero: so that two rates can be told apart by height.
  package init(
    title: String, xLabel: String = "step", yLabel: String, series: [Series],
    showsZero: Bool = true
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.series = series
    self.showsZero = showsZero
  }

  var lastX: Int { series.compactMap { $0.points.last?.x }.max() ?? 0 }

  /// A flat curve has a scale too.
  var range: (low: Double, high: Double) {
    let values = series.flatMap { $0.points.map(\.y) }
    let least = values.min() ?? 0
    let low = showsZero ? min(0, least) : least
    let high = values.max() ?? 0
    return (low, high > low ? high : low + 1)
  }
}
