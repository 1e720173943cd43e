import Testing

extension Integration {
  @Suite struct ScaleTests {
    /// Over 12,500 bytes a second a step is its bytes: half of 4,810 sums, then half of the
    /// parameters; PowerSGD sends all of 882 numbers, factors of two matrices and two biases.
    @Test(arguments: [
      ("none", 2 * 4810 * 4), ("bf16", 4810 * 2 + 4810 * 4),
      ("powersgd:rank=4", 882 * 8 + 4810 * 4),
    ])
    func `A prediction counts what is sent`(_ compression: String, twiceTheBytes: Int) throws {
      let outcome = try IntegrationTests.run(
        ranks: 2, expecting: 0,
        [
          "bench", "scale", "--bandwidth", "1e-4", "--latency", "0", "--hosts", "2", "--steps",
          "20", "--compress", compression,
        ])
      let row = try #require(outcome.stdout.split(separator: "\n").last).split(separator: " ")
      let milliseconds = try #require(Double(row[1]))
      let expected = Double(twiceTheBytes) / 2 / 12.5
      #expect(row[0] == "2" && abs(milliseconds - expected) < 0.05 * expected, "\(outcome)")
    }
  }
}
