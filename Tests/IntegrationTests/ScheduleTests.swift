import Foundation
import Testing

extension Integration {
  @Suite struct ScheduleTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func `A schedule is drawn before a run`() throws {
      let picture = folder.file("rate.svg")
      let outcome = try IntegrationTests.run(
        ranks: 2, expecting: 0,
        [
          "inspect", "--schedule", "one-cycle", "--steps", "100", "--lr", "0.5", "--warmup", "10%",
          "--svg", picture,
        ])
      let lines = outcome.stdout.split(separator: "\n")
      #expect(lines.first == "one-cycle, warm-up 10%, 100 steps (learning rate)", "\(outcome)")
      #expect(lines.contains { $0.contains("⠉") } && lines.contains { $0.contains("momentum") })
      // Step, rate and momentum of the last step: 0.5/25/1e4 and 0.95.
      #expect(lines.last?.split(separator: " ") == ["99", "2e-6", "0.95"], "\(outcome)")
      #expect(try String(contentsOfFile: picture, encoding: .utf8).contains("<polyline"))
    }

    /// The rates of a run are those of the plateau, also where it is stopped and resumed.
    @Test func `Plateaus survive a resume`() throws {
      let options = [
        "--schedule", "reduce-on-plateau:factor=0.5,patience=0,threshold=0.5", "--eval-every",
        "3st",
        "--steps", "40", "--log-every", "1", "--logical-ranks", "2", "--threads", "1",
      ]
      let (whole, stopped) = (folder.run("whole"), folder.run("stopped"))
      try IntegrationTests.run(ranks: 2, expecting: 0, options + whole.option)
      try IntegrationTests.run(
        ranks: 1, expecting: 75, options + ["--stop-after", "17"] + stopped.option)
      try IntegrationTests.run(
        ranks: 3, expecting: 0, ["--resume", "latest"] + stopped.option)
      let rates = try whole.metrics("step").map { try $0.number("lr") }
      #expect(rates.count == 40 && Set(rates).count >= 4)
      #expect(try stopped.metrics("step").map { try $0.number("lr") } == rates)
      #expect(try whole.digest() == stopped.digest())
    }

    @Test func `A momentum that nobody has is no silent loss`() throws {
      for (optimizer, isSilent) in [("sgd", false), ("lion", true)] {
        let outcome = try IntegrationTests.run(
          ranks: 2, expecting: 0,
          ["--optimizer", optimizer, "--schedule", "one-cycle", "--steps", "2"]
            + folder.run(optimizer).option)
        let warning = "moves the momentum too, but \(optimizer) has none"
        #expect(outcome.stderr.contains(warning) != isSilent, "\(outcome)")
      }
    }

    @Test func `Bad schedules`() throws {
      try Refusal.expect([
        Refusal(["--schedule", "cosine-warm-restarts:t0=0"], 64, "t0", "'0'", "1 or more"),
        Refusal(["--schedule", "step:size=5,gamma=nan"], 64, "gamma", "'nan'", "0 < gamma"),
        Refusal(["--schedule", "constant:for=5"], 64, "the last lasts to the end"),
        Refusal(["--warmup", "100st", "--steps", "99"], 64, "warmup", "100", "99"),
        Refusal(["--elastic-net", "0.1,1.5"], 64, "elastic-net", "'0.1,1.5'", "0 … 1"),
        Refusal(
          ["--schedule", "reduce-on-plateau", "--val-fraction", "0"], 64, "no validation data"),
        Refusal(["inspect", "mlp:64", "--svg", folder.file("x.svg")], 64, "svg"),
        Refusal(["inspect", "mlp:64", "--schedule", "cosine"], 64, "schedule", "mlp:64"),
        Refusal(["inspect", "mlp:64", "--model", "cnn"], 64, "model", "mlp:64"),
        Refusal(["inspect", "--schedule", "cosine", "--ranks", "2"], 64, "ranks"),
      ])
    }
  }
}
