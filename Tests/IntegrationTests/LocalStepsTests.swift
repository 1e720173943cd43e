import Foundation
import Testing

extension Integration {
  /// Outer steps on one host, where nothing depends on the network.
  @Suite struct LocalStepsTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// 26 steps an epoch, which rounds of 4 do not divide.
    private static let recipe = [
      "--threads", "1", "--epochs", "2", "--logical-ranks", "8", "--clip-norm", "0.5", "--quiet",
      "--local-steps", "4",
    ]

    @Test func `Ranks of a host change no bit, and an outer step is one`() throws {
      let one = folder.run("one")
      try IntegrationTests.run(ranks: 1, expecting: 0, Self.recipe + one.option)
      let expected = try one.checkpointDigests()
      #expect(one.steps == [28, 52], "after 26, and at the end")
      for ranks in [2, 3, 4] {
        let run = folder.run("\(ranks)")
        try IntegrationTests.run(ranks: ranks, expecting: 0, Self.recipe + run.option)
        #expect(try run.checkpointDigests() == expected, "\(ranks) ranks")
      }
      let plain = folder.run("plain")
      try IntegrationTests.run(
        ranks: 1, expecting: 0, Self.recipe.dropLast(2) + plain.option)
      #expect(try plain.digest() != one.digest())
    }

    /// Stopped at steps that are no ends of a round: the run goes on to the next.
    @Test func `A resume ends in the same bits`() throws {
      let (whole, parts) = (folder.run("whole"), folder.run("parts"))
      try IntegrationTests.run(ranks: 2, expecting: 0, Self.recipe + ["--ema"] + whole.option)
      try IntegrationTests.run(
        ranks: 3, expecting: 75, Self.recipe + ["--ema", "--stop-after", "13"] + parts.option)
      #expect(parts.steps == [16])
      let again = parts.option + ["--resume", "latest", "--quiet"]
      try IntegrationTests.run(ranks: 1, expecting: 75, again + ["--stop-after", "30"])
      #expect(parts.steps == [16, 28, 32])
      try IntegrationTests.run(ranks: 2, expecting: 0, again)
      #expect(try parts.digest() == whole.digest())
      #expect(
        try parts.digest("latest/optimizer.safetensors")
          == whole.digest("latest/optimizer.safetensors"))
      #expect(try parts.digest("latest/state.json") == whole.digest("latest/state.json"))
    }

    @Test func `A signal and a diverged run wait for the end of a round`() throws {
      let run = folder.run("run")
      let job = try Job(
        ranks: 2,
        SignalTests.recipe + ["--local-steps", "7", "--checkpoint-every", "70st"] + run.option)
      try job.wait { run.entries().contains("latest") }
      job.signalLauncher(SIGUSR1)
      let outcome = try job.finish(timeout: 20)
      #expect(outcome.code == 75, "\(outcome)")
      let end = try #require(run.metrics("end").last?.step)
      #expect(end % 7 == 0 && run.steps.max() == end)

      let diverged = folder.run("diverged")
      try IntegrationTests.run(
        ranks: 2, expecting: 76,
        Self.recipe + ["--optimizer", "sgd", "--lr", "1e38"] + diverged.option)
      #expect(diverged.steps == [], "nothing of it is worth saving")
    }

    /// A rate of outer steps is for what an optimizer moves: a running mean is that of the hosts, and
    /// a frozen weight stays where it was.
    @Test func `An outer step moves what is trained`() throws {
      let model = try folder.write(
        "norm.yaml",
        "layers:\n  - linear: 16\n  - batchnorm\n  - relu\n  - linear: 10\n")
      let recipe = [
        "--model", model, "--freeze", "0.bias", "--steps", "3", "--local-steps", "3", "--threads",
        "1", "--quiet",
      ]
      func weights(_ rate: String) throws -> Weights {
        let run = folder.run("rate-\(rate)")
        try IntegrationTests.run(
          ranks: 2, expecting: 0, recipe + run.option + ["--outer-lr", rate])
        return try Weights(run.model)
      }
      let (one, other) = (try weights("0.7").tensors, try weights("0.3").tensors)
      for (name, isEqual) in [
        ("0.weight", false), ("0.bias", true), ("1.weight", false), ("1.running_mean", true),
        ("1.running_var", true),
      ] {
        let values = try #require(one[name]?.values, "\(one.keys)")
        #expect((values == other[name]?.values) == isEqual, "\(name)")
      }
    }

    @Test func `An outer step that overflows ends the run`() throws {
      let run = folder.run("run")
      try IntegrationTests.run(
        ranks: 2, expecting: 76,
        ["--optimizer", "sgd", "--lr", "100", "--outer-lr", "3e38", "--threads", "1", "--quiet"]
          + ["--steps", "4", "--local-steps", "4"] + run.option)
      #expect(run.steps == [] && !run.entries().contains("model.safetensors"))
    }

    @Test func `Values`() throws {
      let rounds = ["--local-steps", "5"]
      try Refusal.expect([
        Refusal(["--local-steps", "0"], 64, "local-steps", "'0'", "from 1 to"),
        Refusal(["--local-steps", "-4"], 64, "local-steps", "'-4'"),
        Refusal(["--local-steps", "ten"], 64, "local-steps", "'ten'"),
        Refusal(rounds + ["--outer-lr", "0"], 64, "outer-lr", "'0'", "above 0"),
        Refusal(rounds + ["--outer-momentum", "1"], 64, "outer-momentum", "'1'", "momentum < 1"),
        Refusal(rounds + ["--compress", "bf16"], 64, "local-steps 5", "compress bf16"),
        Refusal(rounds + ["--reduction", "fast"], 64, "local-steps 5", "reduction fast"),
        Refusal(rounds + ["--max-norm", "2"], 64, "local-steps 5", "max-norm"),
      ])
      let run = folder.run("short")
      let outcome = try IntegrationTests.run(
        ranks: 1, expecting: 0, ["--steps", "3"] + rounds + run.option)
      #expect(outcome.stderr.contains("local-steps 5: the run has only 3"), "\(outcome)")
    }
  }
}
