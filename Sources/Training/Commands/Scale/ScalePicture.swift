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

  /// Speed over hosts beside the ideal, both in doublings.
  package var svg: String {
    LineChart(
      title: "speed on several hosts", xLabel: "hosts", yLabel: "times one host's speed",
      series: [
        LineChart.Series("ideal", hosts.map { ($0, Double($0)) }),
        LineChart.Series(
          "predicted", hosts.map { ($0, model.efficiency(hosts: $0) * Double($0)) }),
      ]
    ).svg(scale: .powersOfTwo)
  }

  /// - Throws: `Failure.cannotWrite`.
  package func write(to path: String) throws {
    var file = try FileWriter(path: path)
    try file.write(svg)
    try file.finish()
  }
}
