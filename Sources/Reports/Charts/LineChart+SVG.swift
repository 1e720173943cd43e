extension LineChart {
  /// What a picture's axes count.
  package enum Scale: Sendable {
    case linear
    /// Doublings: for points above 0 in x and y.
    case powersOfTwo
  }

  /// An SVG 1.1 picture, readable on light and dark ground, without fonts or scripts of its own.
  package func svg(
    width: Double = 720, height: Double = 360, scale: Scale = .linear
  ) -> String {
    let (left, right, top, bottom) = (72.0, 24.0, 40.0, 48.0)
    let (plotWidth, plotHeight) = (width - left - right, height - top - bottom)
    let (xAxis, yAxis) = axes(scale)
    func x(_ value: Double) -> String { Format.fixed(left + plotWidth * xAxis.share(value), 1) }
    func y(_ value: Double) -> String {
      Format.fixed(top + plotHeight * (1 - yAxis.share(value)), 1)
    }
    var parts: [String] = []
    func text(_ content: String, _ x: String, _ y: String, _ anchor: String, _ more: String = "") {
      parts.append(
        "<text x=\"\(x)\" y=\"\(y)\" text-anchor=\"\(anchor)\"\(more)>\(escaped(content))</text>")
    }
    for value in yAxis.marks {
      parts.append(
        "<line x1=\"\(Format.fixed(left, 1))\" x2=\"\(Format.fixed(width - right, 1))\" "
          + "y1=\"\(y(value))\" y2=\"\(y(value))\" stroke=\"#888\" stroke-opacity=\"0.3\"/>")
      text(
        Format.short(value), Format.fixed(left - 8, 1), y(value), "end",
        " dominant-baseline=\"middle\"")
    }
    for value in xAxis.marks {
      let whole = value.rounded()
      text("\(Int(whole))", x(whole), Format.fixed(height - bottom + 20, 1), "middle")
    }
    text(title, Format.fixed(width / 2, 1), "24", "middle", " font-weight=\"bold\"")
    text(xLabel, Format.fixed(left + plotWidth / 2, 1), Format.fixed(height - 10, 1), "middle")
    text(
      yLabel, "16", Format.fixed(top + plotHeight / 2, 1), "middle",
      " transform=\"rotate(-90 16 \(Format.fixed(top + plotHeight / 2, 1)))\"")
    for (index, series) in series.enumerated() {
      let color = LineChart.colors[index % LineChart.colors.count]
      let points = samples(series.points, Int(plotWidth)).map { "\(x(Double($0.x))),\(y($0.y))" }
      parts.append(
        "<polyline fill=\"none\" stroke=\"\(color)\" stroke-width=\"2\" stroke-linejoin=\"round\" "
          + "points=\"\(points.joined(separator: " "))\"/>")
      if self.series.count > 1 {
        text(
          series.name, Format.fixed(rises ? left + 8 : width - right, 1),
          Format.fixed(top + 16 * Double(index + 1), 1), rises ? "start" : "end",
          " fill=\"\(color)\"")
      }
    }
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(width)) \(Int(height))" \
      width="\(Int(width))" height="\(Int(height))" font-family="sans-serif" font-size="13" \
      fill="#777">
      \(parts.joined(separator: "\n"))
      </svg>

      """
  }

  private func axes(_ scale: Scale) -> (x: ChartAxis, y: ChartAxis) {
    switch scale {
    case .linear:
      return (
        ChartAxis(from: 0, to: Double(max(1, lastX))), ChartAxis(from: range.low, to: range.high)
      )
    case .powersOfTwo:
      let points = series.flatMap(\.points)
      let (first, least) = (points.map(\.x).min() ?? 1, points.map(\.y).min() ?? 1)
      return (
        ChartAxis(powersOfTwoFrom: Double(first), to: Double(lastX)),
        ChartAxis(powersOfTwoFrom: least, to: range.high)
      )
    }
  }

  /// Whether the curves leave room for their names on the left and not on the right.
  private var rises: Bool {
    guard let points = series.first?.points, let first = points.first, let last = points.last
    else { return false }
    return first.y < last.y
  }

  /// Told apart on light and dark ground, and by eyes that see no red.
  private static let colors = ["#2a78d6", "#e08a1e"]

  /// Every point, or of many the lowest and highest of each stretch in their order.
  private func samples(_ points: [(x: Int, y: Double)], _ count: Int) -> [(x: Int, y: Double)] {
    if points.count <= 2 * count { return points }
    return (0..<count).flatMap { part in
      let range = part * points.count / count..<(part + 1) * points.count / count
      let ends = [
        range.min { points[$0].y < points[$1].y } ?? range.lowerBound,
        range.max { points[$0].y < points[$1].y } ?? range.lowerBound,
      ]
      return ends.sorted().map { points[$0] }
    }
  }

  private func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;")
  }
}
