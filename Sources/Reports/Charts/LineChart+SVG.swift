extension LineChart {
  /// An SVG 1.1 picture, readable on light and dark ground, without fonts or scripts of its own.
  package func svg(width: Double = 720, height: Double = 360) -> String {
    let (left, right, top, bottom) = (72.0, 24.0, 40.0, 48.0)
    let (low, high) = range
    let (plotWidth, plotHeight) = (width - left - right, height - top - bottom)
    let last = Double(max(1, values.count - 1))
    func x(_ step: Double) -> String { Format.fixed(left + plotWidth * step / last, 1) }
    func y(_ value: Double) -> String {
      Format.fixed(top + plotHeight * (high - value) / (high - low), 1)
    }
    var parts: [String] = []
    func text(_ content: String, _ x: String, _ y: String, _ anchor: String, _ more: String = "") {
      parts.append(
        "<text x=\"\(x)\" y=\"\(y)\" text-anchor=\"\(anchor)\"\(more)>\(escaped(content))</text>")
    }
    for part in 0...4 {
      let value = low + (high - low) * Double(part) / 4
      parts.append(
        "<line x1=\"\(Format.fixed(left, 1))\" x2=\"\(Format.fixed(width - right, 1))\" "
          + "y1=\"\(y(value))\" y2=\"\(y(value))\" stroke=\"#888\" stroke-opacity=\"0.3\"/>")
      text(
        Format.short(value), Format.fixed(left - 8, 1), y(value), "end",
        " dominant-baseline=\"middle\"")
      let step = (last * Double(part) / 4).rounded()
      text(
        "\(Int(step) * xStep)", x(step), Format.fixed(height - bottom + 20, 1), "middle")
    }
    text(title, Format.fixed(width / 2, 1), "24", "middle", " font-weight=\"bold\"")
    text(xLabel, Format.fixed(left + plotWidth / 2, 1), Format.fixed(height - 10, 1), "middle")
    text(
      yLabel, "16", Format.fixed(top + plotHeight / 2, 1), "middle",
      " transform=\"rotate(-90 16 \(Format.fixed(top + plotHeight / 2, 1)))\"")
    let points = samples(Int(plotWidth)).map { "\(x($0.step)),\(y($0.value))" }
    parts.append(
      "<polyline fill=\"none\" stroke=\"#2a78d6\" stroke-width=\"2\" stroke-linejoin=\"round\" "
        + "points=\"\(points.joined(separator: " "))\"/>")
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(width)) \(Int(height))" \
      width="\(Int(width))" height="\(Int(height))" font-family="sans-serif" font-size="13" \
      fill="#777">
      \(parts.joined(separator: "\n"))
      </svg>

      """
  }

  /// Every value, or of many the lowest and highest of each stretch in their order.
  private func samples(_ count: Int) -> [(step: Double, value: Double)] {
    if values.count <= 2 * count { return values.enumerated().map { (Double($0), $1) } }
    return (0..<count).flatMap { part in
      let range = part * values.count / count..<(part + 1) * values.count / count
      let ends = [
        range.min { values[$0] < values[$1] } ?? range.lowerBound,
        range.max { values[$0] < values[$1] } ?? range.lowerBound,
      ]
      return ends.sorted().map { (Double($0), values[$0]) }
    }
  }

  private func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;")
  }
}
