extension LineChart {
  /// The curve in braille dots, two wide and four high a character, with both axes.
  package func lines(width: Int = 72, height: Int = 13) -> [String] {
    let (low, high) = range
    var dots = Array(repeating: Array(repeating: UInt8(0), count: width), count: height)
    let rows = 4 * height
    func row(_ value: Double) -> Int {
      min(rows - 1, Int((high - value) / (high - low) * Double(rows - 1) + 0.5))
    }
    var previous: Int?
    for (x, column) in columns(2 * width).enumerated() {
      var (top, bottom) = (row(column.high), row(column.low))
      // Joined to the dot before, so that a steep fall is a line.
      if let previous {
        if previous < top { top = previous + 1 }
        if previous > bottom { bottom = previous - 1 }
      }
      for y in min(top, bottom)...max(top, bottom) {
        dots[y / 4][x / 2] |= LineChart.dot(x % 2, y % 4)
      }
      previous = row(column.low + (column.high - column.low) / 2)
    }
    let labels = (0..<height).map { line -> String in
      let isLabelled = line == 0 || line == height - 1 || line == height / 2
      guard isLabelled else { return "" }
      // The ends as they are: a difference would print 0 as the last bit of a rounding.
      let share = Double(line) / Double(height - 1)
      return Format.short(high * (1 - share) + low * share)
    }
    let margin = labels.map(\.count).max() ?? 0
    let body = zip(labels, dots).map { label, line in
      padded(label, margin) + (label.isEmpty ? " │" : " ┤")
        + String(
          String.UnicodeScalarView(line.compactMap { Unicode.Scalar(0x2800 + UInt32($0)) }))
    }
    let last = "\(lastX)"
    let middle = "\(lastX / 2)"
    let gap = max(1, width / 2 - 1 - middle.count / 2)
    let rest = max(1, width - 1 - gap - middle.count - last.count)
    return [title + " (" + yLabel + ")"] + body + [
      padded("", margin) + " └" + String(repeating: "─", count: width),
      padded("", margin) + "  0" + spaces(gap) + middle + spaces(rest) + last + " " + xLabel,
    ]
  }

  private func padded(_ text: String, _ width: Int) -> String {
    spaces(width - text.count) + text
  }

  private func spaces(_ count: Int) -> String { String(repeating: " ", count: max(0, count)) }

  /// Unicode's numbering of the eight dots of a braille cell.
  private static func dot(_ x: Int, _ y: Int) -> UInt8 {
    y == 3 ? 0x40 << UInt8(x) : 1 << UInt8(3 * x + y)
  }
}
