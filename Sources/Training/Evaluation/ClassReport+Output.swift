package import Reports

extension ClassReport {
  /// The share in the top k; with classes, their figures, and the confusion matrix where it fits a
  /// screen.
  package func lines(withClasses: Bool) -> [String] {
    let top = k > 1 ? ["  top-\(k) accuracy \(Format.fixed(topK, 4))"] : []
    guard withClasses else { return top }
    var figures = Table()
    figures.add("class", "n", "precision", "recall", "f1")
    for row in classes + [macro] {
      figures.add(
        row.name, Format.grouped(row.count), Format.fixed(row.precision, 4),
        Format.fixed(row.recall, 4), Format.fixed(row.f1, 4))
    }
    guard names.count <= 20 else { return top + figures.lines }
    var matrix = Table()
    matrix.add(["class → taken for"] + names)
    for (index, name) in names.enumerated() {
      matrix.add([name] + row(index).map { $0 == 0 ? "·" : "\($0)" })
    }
    return top + figures.lines + [""] + matrix.lines
  }

  /// `class,n,precision,recall,f1` and one column a class it was taken for.
  package var csv: String {
    let header = ["class", "n", "precision", "recall", "f1"] + names.map { "taken for \($0)" }
    let rows = classes.enumerated().map { index, figures in
      [
        figures.name, "\(figures.count)", "\(figures.precision)", "\(figures.recall)",
        "\(figures.f1)",
      ] + row(index).map(String.init)
    }
    return ([header] + rows).map(csvLine).joined()
  }

  /// - Throws: `Failure.cannotWrite`.
  package func write(csv path: String) throws {
    var writer = try FileWriter(path: path)
    try writer.write(csv)
    try writer.finish()
  }

  /// Adds `topK` and, with classes, `classes` and `confusion`.
  package func add(to line: inout JSONLine, withClasses: Bool) {
    if k > 1 { line.add("top\(k)", topK) }
    guard withClasses else { return }
    let rows = classes.map { row in
      var line = JSONLine()
      line.add("class", row.name)
      line.add("n", row.count)
      line.add("precision", row.precision)
      line.add("recall", row.recall)
      line.add("f1", row.f1)
      return line.text
    }
    line.add("classes", json: "[\(rows.joined(separator: ","))]")
    let matrix = names.indices.map { "[\(row($0).map(String.init).joined(separator: ","))]" }
    line.add("confusion", json: "[\(matrix.joined(separator: ","))]")
  }

  private func row(_ target: Int) -> ArraySlice<Int> {
    counts[target * names.count..<(target + 1) * names.count]
  }
}
