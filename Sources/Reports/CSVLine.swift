/// One line of a CSV file (RFC 4180), with its end; cells are quoted where they must be.
package func csvLine(_ cells: [String]) -> String {
  cells.map { cell in
    cell.contains { ",\"\n\r".contains($0) }
      ? "\"" + cell.replacing("\"", with: "\"\"") + "\"" : cell
  }.joined(separator: ",") + "\n"
}
