extension LineChart {
  /// The curves in braille dots, two wide and four high a character, with both axes.
  package func lines(width: Int = 72, height: Int = 13) -> [String] {
    let (low, high) = range
    let labels = (0..<height).map { line -> String in
      let isLabelled = line == 0 || line == height - 1 || line == height / 2
      guard isLabelled else { return "" }
      // The ends as they are: a difference would print 0 as the last bit of a rounding.
      let share = Double(line) / Double(height - 1)
      return Format.short(high * (1 - share) + low * share)
    }
    let margin = labels.map(\.count).max() ?? 0
    let body = zip(labels, dots(width: width, height: height)).map { label, line in
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

  private func dots(width: Int, height: Int) -> [[UInt8]] {
    let (low, high) = range
    var dots = Array(repeating: Array(repeating: UInt8(0), count: width), count: height)
    let rows = 4 * height
    func row(_ value: Double) -> Int {
      min(rows - 1, Int((high - value) / (high - low) * Double(rows - 1) + 0.5))
    }
    for series in series {
      var previous: Int?
      for (x, column) in stretches(2 * width, of: series).enumerated() {
        guard let column else { continue }
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
    }
    return dots
  }

  /// Lowest and highest value of each of `count` equal stretches of x. A stretch between two points
  /// takes the line that joins them; one before the first or behind the last is empty.
  private func stretches(_ count: Int, of series: Series) -> [(low: Double, high: Double)?] {
    let points = series.points
    if points.count == 1 { return Array(repeating: (points[0].y, points[0].y), count: count) }
    let width = Double(lastX) / Double(count)
    var next = 0
    return (0..<count).map { stretch in
      let first = next
      let end = width * Double(stretch + 1)
      while next < points.count, Double(points[next].x) < end || stretch == count - 1 { next += 1 }
      if first < next {
        let values = points[first..<next].map(\.y)
        return (values.min() ?? 0, values.max() ?? 0)
      }
      guard first > 0, next < points.count else { return nil }
      let (left, right) = (points[next - 1], points[next])
      let share = (end - width / 2 - Double(left.x)) / Double(right.x - left.x)
      let value = left.y + (right.y - left.y) * min(1, max(0, share))
      return (value, value)
    }
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
