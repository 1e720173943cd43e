/// Rows of cells in columns as wide as their widest cell: the first to the left, the rest to the
/// right.
package struct Table {
  private var rows: [[String]] = []

  package init() {}

  package mutating func add(_ cells: String...) { rows.append(cells) }
  package mutating func add(_ cells: [String]) { rows.append(cells) }

  /// The same with every column to the left: for words.
  package var leftAligned: [String] {
    let width = rows.map { $0.first?.count ?? 0 }.max() ?? 0
    return rows.map { row in
      let first = row.first ?? ""
      return "  " + first + String(repeating: " ", count: width - first.count) + "  "
        + row.dropFirst().joined(separator: "  ")
    }
  }

  package var lines: [String] {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      let cells = row.enumerated().map { column, cell in
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        return column == 0 ? cell + padding : padding + cell
      }
      return "  " + cells.joined(separator: "  ")
    }
  }
}
