import Foundation
import Testing

extension Integration {
  @Suite struct StepProfileTests {
    /// Two leaves a rank and a short last batch: all plans count.
    @Test func `Where a step of a small CNN goes`() throws {
      let output = try IntegrationTests.run(
        ranks: 2, expecting: 0,
        [
          "bench", "step", "--operations", "--model", "cnn", "--steps", "60", "--logical-ranks",
          "4", "--threads", "1",
        ]
      ).stdout
      let lines = output.split(separator: "\n").map(String.init)
      let words = try #require(lines.first).split(separator: " ")
      let step = try #require(
        words.first { $0.hasPrefix("step_ms=") }.flatMap { Double($0.dropFirst(8)) })
      // Columns are two spaces apart, or more.
      let rows = lines.dropFirst(2).map { line in
        line.components(separatedBy: "  ").map { $0.trimmingCharacters(in: .whitespaces) }
          .filter { !$0.isEmpty }
      }
      let (parts, whole) = (rows.dropLast(), try #require(rows.last))
      func sum(_ column: Int) throws -> Double {
        try parts.reduce(0) {
          $0 + (try #require(Double($1[column].replacingOccurrences(of: " %", with: ""))))
        }
      }
      #expect(whole[0] == "step" && Double(whole[1]) == step, "\(output)")
      let rounding = 0.5 * Double(parts.count)
      #expect(abs(try sum(1) - step) <= 1.0001e-4 * rounding, "\(output)")
      #expect(abs(try sum(2) - 100) <= 0.1001 * rounding, "\(output)")
      let operations = parts.filter { $0.count > 3 }.map { $0[0] }
      #expect(
        Set(operations) == [
          "conv + relu", "maxpool", "channels first", "linear + relu", "linear", "loss",
        ], "\(output)")
      #expect(parts.filter { $0.count > 5 }.count == 3, "products of three: \(output)")
    }
  }
}
