import Foundation
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

    /// A rate at which the first update is the last, and no state is worth keeping.
    @Test(
      arguments: [
        ["--early-stopping", "--eval-every", "1st", "--steps", "50"],
        ["--checkpoint-every", "1st", "--steps", "3"],
        ["--val-fraction", "0", "--steps", "1", "--ema"],
      ])
    func `A diverged run has no result`(_ options: [String]) throws {
      let run = folder.run("run")
      let outcome = try IntegrationTests.run(
        ranks: 2, expecting: 76,
        ["--optimizer", "sgd", "--lr", "1e39", "--quiet"] + options + run.option)
      #expect(outcome.stderr.contains("diverged: "), "\(outcome)")
      #expect(try run.metrics("end").last?.text("reason") == "diverged")
      #expect(!run.entries().contains { $0.hasSuffix(".safetensors") }, "\(run.entries())")
    }

    /// The best of all was found before: it goes along to another folder.
    @Test func `A resume elsewhere keeps the best`() throws {
      let recipe = [
        "--early-stopping", "--patience", "3", "--lr", "0.03", "--eval-every", "10st",
        "--checkpoint-every", "7st", "--logical-ranks", "4", "--quiet",
      ]
      let (whole, first, second) = (folder.run("whole"), folder.run("first"), folder.run("second"))
      try IntegrationTests.run(ranks: 2, expecting: 0, recipe + ["--epochs", "60"] + whole.option)
      let end = try #require(try whole.metrics().last)
      let best = try #require(end.object["best_step"] as? Int)
      let stop = try #require(end.step) - 5
      try IntegrationTests.run(
        ranks: 2, expecting: 75,
        recipe + ["--epochs", "60", "--stop-after", "\(stop)"] + first.option)
      let outcome = try IntegrationTests.run(
        ranks: 2, expecting: 0, second.option + ["--resume", first.path])
      #expect(try second.digest() == whole.digest(), "\(outcome)")
      #expect(try second.digest("best/model.safetensors") == whole.digest())
      #expect(second.steps.contains(best))

      let third = folder.run("third")
      try FileManager.default.removeItem(atPath: first.checkpoint(best) + "/model.safetensors")
      let lost = try IntegrationTests.run(
        ranks: 2, expecting: 0, third.option + ["--resume", first.path])
      #expect(lost.stderr.contains("of step \(best), is forgotten"), "\(lost)")
      #expect(try third.digest() != whole.digest())
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
