import Foundation
import Reports
import Testing

@Suite struct LineChartTests {
  /// Braille blanks as spaces, without those at the end.
  private func text(_ chart: LineChart) -> [String] {
    chart.lines(width: 24, height: 5).map { line in
      var line = Substring(line.replacing("\u{2800}", with: " "))
      while line.hasSuffix(" ") { line.removeLast() }
      return String(line)
    }
  }

  @Test func drawsStepsAsText() {
    let chart = LineChart(
      title: "step", yLabel: "rate",
      series: [LineChart.Series("", (0..<60).map { $0 < 20 ? 1 : $0 < 40 ? 0.3 : 0.1 })])
    #expect(
      text(chart) == [
        "step (rate)",
        "  1 ┤⠉⠉⠉⠉⠉⠉⠉⠉⡆",
        "    │        ⡇",
        "0.5 ┤        ⡇",
        "    │        ⠓⠒⠒⠒⠒⠒⠒⠒⡄",
        "  0 ┤                ⠓⠒⠒⠒⠒⠒⠒⠒",
        "    └────────────────────────",
        "     0          29         59 step",
      ])
  }

  /// Flat curves, one value, and values at every n-th step.
  @Test func drawsTheSimplest() {
    func chart(_ values: [Double], xStep: Int = 1) -> [String] {
      text(
        LineChart(
          title: "t", xLabel: "x", yLabel: "y",
          series: [LineChart.Series("", values, xStep: xStep)]))
    }
    #expect(chart([0])[5].hasSuffix("┤⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀"))
    #expect(chart([2])[1].hasPrefix("2 ┤⠉⠉"))
    #expect(chart([2, 2, 2])[1] == chart([2])[1])
    #expect(chart([0, 1, 2], xStep: 50).last == "   0          50        100 x")
  }

  @Test func drawsAPicture() throws {
    let values = (0..<100).map { 1 - Double($0) / 99 }
    func picture(_ title: String, _ values: [Double]) -> String {
      LineChart(title: title, yLabel: "y", series: [LineChart.Series("", values)]).svg()
    }
    let svg = picture("a < \"b\" & c", values)
    #expect(svg.hasPrefix("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 360\""))
    #expect(svg.contains(">a &lt; &quot;b&quot; &amp; c</text>") && svg.hasSuffix("</svg>\n"))
    let start = try #require(svg.range(of: "points=\""))
    let points = svg[start.upperBound...].prefix { $0 != "\"" }.split(separator: " ")
    #expect(points.count == 100 && points.first == "72.0,40.0" && points.last == "696.0,312.0")
    // Many values keep their spikes.
    var spiky = [Double](repeating: 0, count: 50_000)
    spiky[31_415] = 3
    #expect(picture("", spiky).contains(",40.0 "))
  }

  /// Each doubling is as wide as the one before, and values below 1 have a place too.
  @Test func drawsDoublings() {
    func svg(_ points: [(x: Int, y: Double)]) -> String {
      LineChart(title: "t", yLabel: "y", series: [LineChart.Series("", points)])
        .svg(scale: .powersOfTwo)
    }
    #expect(svg([(1, 1), (2, 2), (4, 4)]).contains("points=\"72.0,312.0 384.0,176.0 696.0,40.0\""))
    let slow = svg([(1, 1), (2, 0.25), (4, 0.5)])
    #expect(slow.contains("points=\"72.0,40.0 384.0,312.0 696.0,176.0\""))
    #expect(slow.contains(">0.25</text>") && slow.contains(">4</text>"))
    #expect(
      svg((0...19).map { (1 << $0, Double(1 << $0)) }).components(separatedBy: "</text>").count < 30
    )
  }

  /// A second curve of few points is joined across them, named, and nothing before its first.
  @Test func drawsSparsePoints() {
    let chart = LineChart(
      title: "t", yLabel: "y",
      series: [
        LineChart.Series("dense", (0..<97).map { _ in 4 }),
        LineChart.Series("sparse", [(48, 2.0), (96, 0.0)]),
      ])
    #expect(
      text(chart) == [
        "t (y)",
        "4 ┤⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉",
        "  │",
        "2 ┤            ⠤⢄⡀",
        "  │              ⠈⠉⠒⠤⢄⡀",
        "0 ┤                   ⠈⠉⠒⠤⢄",
        "  └────────────────────────",
        "   0          48         96 step",
      ])
    let svg = chart.svg()
    #expect(svg.contains(">sparse</text>") && svg.contains("points=\"384.0,176.0 696.0,312.0\""))
  }
}
