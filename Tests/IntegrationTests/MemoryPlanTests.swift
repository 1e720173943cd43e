import Testing

extension Integration {
  /// The memory that a run is said to need.
  @Suite struct MemoryPlanTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Each case has a part of its own: gradients of several leaves, the chunks of an evaluation,
    /// what hosts that train apart exchange, no copy for checkpoints, another world.
    @Test(arguments: [
      (2, "mlp:512", ["--logical-ranks", "8"]), (2, "mlp:8", ["--eval-batch", "1"]),
      (2, "mlp:64", ["--local-steps", "3"]), (2, "mlp:64", ["--checkpoint-mode", "sync"]),
      (3, "cnn", ["--logical-ranks", "8", "--optimizer", "lion", "--ema", "--batch-size", "100"]),
    ])
    func `Inspection plans what a run takes`(
      ranks: Int, model: String, options: [String]
    ) throws {
      let options = options + ["--threads", "1"]
      let inspection = try IntegrationTests.run(
        ranks: 1, expecting: 0, ["inspect", model, "--ranks", "\(ranks)"] + options)
      let training = try IntegrationTests.run(
        ranks: ranks, expecting: 0,
        ["--model", model, "--steps", "1"] + folder.run("run").option + options)
      func line(_ text: String) throws -> Substring {
        try #require(
          text.split(whereSeparator: \.isNewline).first { $0.contains("memory ") }, "\(text)")
      }
      let plan = try #require(line(inspection.stdout).split(separator: ": ").last)
      #expect(plan.hasSuffix(" data"))
      #expect(try line(training.stderr).contains(" \(plan) ("), "\(plan)\n\(training)")
    }
  }
}
