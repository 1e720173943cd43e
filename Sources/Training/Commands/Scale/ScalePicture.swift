import Glibc
import Reports

/// A prediction as a table and as an SVG.
package struct ScalePicture {
  package let model: ScaleModel
  /// 1, 2, 4, … hosts.
  package let hosts: [Int]

  package init(_ model: ScaleModel, upTo most: Int) {
    self.model = model
    hosts = Array(sequence(first: 1) { $0 * 2 <= most ? $0 * 2 : nil })
  }

  package var table: [String] {
    var table = Table()
    table.add("hosts", "step ms", "speed", "efficiency")
    for count in hosts {
      let efficiency = model.efficiency(hosts: count)
      table.add(
        "\(count)", Format.fixed(model.step(hosts: count) * 1e3, 3),
        Format.fixed(efficiency * Double(count), 2), Format.fixed(efficiency * 100, 1) + " %")
    }
    return table.lines
  }

  /// Speed over hosts, both axes in powers of two, beside the ideal.
  package var svg: String {
    let (width, height, margin) = (560.0, 400.0, 60.0)
    let steps = Double(max(1, hosts.count - 1))
    func x(_ count: Int) -> Double { margin + log2(Double(count)) / steps * (width - 2 * margin) }
    func y(_ speed: Double) -> Double {
      height - margin - max(0, log2(speed)) / steps * (height - 2 * margin)
    }
    func line(_ points: [(Double, Double)], _ style: String) -> String {
      let text = points.map { "\(Format.fixed($0.0, 1)),\(Format.fixed($0.1, 1))" }
      return "<polyline fill=\"none\" \(style) points=\"\(text.joined(separator: " "))\"/>"
    }
    func label(_ text: String, _ x: Double, _ y: Double, _ anchor: String = "middle") -> String {
      "<text x=\"\(Format.fixed(x, 1))\" y=\"\(Format.fixed(y, 1))\" "
        + "text-anchor=\"\(anchor)\">\(text)</text>"
    }
    var parts = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(Int(width))\" height=\"\(Int(height))\" "
        + "font-family=\"sans-serif\" font-size=\"12\">",
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
      line(hosts.map { (x($0), y(Double($0))) }, "stroke=\"#999\" stroke-dasharray=\"4\""),
      line(
        hosts.map { (x($0), y(model.efficiency(hosts: $0) * Double($0))) },
        "stroke=\"#06c\" stroke-width=\"2\""),
      label("hosts", width / 2, height - 15),
      label("times one host's speed (dashed: ideal)", margin, 25, "start"),
    ]
    for count in hosts {
      parts.append(label("\(count)", x(count), height - margin + 20))
      parts.append(label("\(count)", margin - 12, y(Double(count)) + 4, "end"))
    }
    return (parts + ["</svg>", ""]).joined(separator: "\n")
  }

  /// - Throws: `Failure.cannotWrite`.
  package func write(to path: String) throws {
    var file = try FileWriter(path: path)
    try file.write(svg)
    try file.finish()
  }
}
