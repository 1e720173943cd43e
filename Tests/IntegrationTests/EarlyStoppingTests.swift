import Testing

extension Integration {
  @Suite struct EarlyStoppingTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// So fast a rate that the validation loss gets worse while training goes on.
    private func train(ranks: Int, called name: String, _ options: String...) throws -> RunFolder {
      let run = folder.run(name)
      try IntegrationTests.run(
        ranks: ranks, expecting: 0,
        ["--early-stopping", "--lr", "0.03", "--epochs", "60", "--logical-ranks", "4", "--quiet"]
          + run.option + options)
      return run
    }

    @Test func `Stops at the patience-th check without improvement`() throws {
      let run = try train(ranks: 2, called: "run", "--patience", "4")
      let checks = try run.metrics("eval").map { (step: $0.step, loss: try $0.number("loss")) }
      let best = try #require(checks.indices.min { checks[$0].loss < checks[$1].loss })
      #expect(checks.count < 60, "before the last epoch")
      #expect(best == checks.count - 5, "four checks in a row without improvement")

      let end = try #require(try run.metrics().last)
      #expect(try end.text("reason") == "early-stopping")
      #expect(end.step == checks.last?.step)
      #expect(end.object["best_step"] as? Int == checks[best].step)

      // The best weights are the result, kept though three later checkpoints are there.
      #expect(try run.digest() == run.digest("best/model.safetensors"))
      #expect(try run.digest() != run.digest("latest/model.safetensors"))
      let shown = try IntegrationTests.run(
        ranks: 1, expecting: 0, ["evaluate", run.path, "--json"])
      #expect(try shown.stdout.hasPrefix(run.metrics("eval")[best].line), "\(shown)")
      let step = try #require(checks[best].step)
      #expect(try run.digest() == sha256(of: run.checkpoint(step) + "/model.safetensors"))
    }

    @Test func `The same on any ranks, and after a resume`() throws {
      let run = try train(ranks: 1, called: "1", "--patience", "2")
      let other = try train(ranks: 3, called: "3", "--patience", "2")
      #expect(try other.digest() == run.digest())
      let end = try #require(try run.metrics().last?.step)

      let resumed = folder.run("resumed")
      try IntegrationTests.run(
        ranks: 2, expecting: 75,
        [
          "--early-stopping", "--lr", "0.03", "--epochs", "60", "--logical-ranks", "4", "--quiet",
          "--patience", "2", "--stop-after", "\(end - 30)",
        ] + resumed.option)
      try IntegrationTests.run(
        ranks: 3, expecting: 0, resumed.option + ["--resume", "latest", "--quiet"])
      #expect(try resumed.digest() == run.digest())
      #expect(try resumed.metrics().last?.step == end)
      #expect(try resumed.metrics().last?.text("reason") == "early-stopping")
    }

    @Test func `Keeping the last weights`() throws {
      let run = try train(ranks: 2, called: "run", "--patience", "2", "--no-restore-best")
      #expect(try run.metrics().last?.text("reason") == "early-stopping")
      #expect(try run.digest() == run.digest("latest/model.safetensors"))
      #expect(try run.digest() != run.digest("best/model.safetensors"))
    }

    @Test func `A least improvement, and another figure`() throws {
      let strict = try train(
        ranks: 2, called: "strict", "--patience", "1", "--min-delta", "100")
      #expect(try strict.metrics("eval").count == 2, "the second check is no improvement by 100")
      let accuracy = try train(
        ranks: 2, called: "accuracy", "--patience", "2", "--monitor", "val-accuracy")
      let checks = try accuracy.metrics("eval").map { try $0.number("accuracy") }
      #expect(checks.firstIndex(of: checks.max() ?? 0) == checks.count - 3)
    }

    @Test func `Without validation data it is refused`() throws {
      let outcome = try IntegrationTests.run(
        ranks: 2, expecting: 64,
        ["--early-stopping", "--val-fraction", "0"] + folder.run("run").option)
      #expect(outcome.messages.count == 1, "\(outcome)")
    }
  }
}
