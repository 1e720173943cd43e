import Foundation
import Testing

extension Integration {
  /// `--precision bf16` on ranks. The emulated one runs everywhere, the other where the CPU can.
  @Suite struct PrecisionTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Those this CPU can do.
    static func rounding() throws -> [String] {
      let version = try IntegrationTests.run(ranks: 1, expecting: 0, ["--version"]).stdout
      let isNative = version.contains("avx512-bf16") || version.contains("amx")
      return ["bf16-emulated"] + (isNative ? ["bf16"] : [])
    }

    @Test(arguments: ["mlp:64", "cnn"]) func `Ranks change no bit`(model: String) throws {
      let counts = [1, 2, 4, 8]
      for precision in try Self.rounding() {
        let runs = counts.map { folder.run("\(precision)-\($0)") }
        try runAll(
          zip(counts, runs).map { ranks, run in
            Launch(
              ranks: ranks, expecting: 0,
              [
                "--model", model, "--precision", precision, "--logical-ranks", "8", "--threads",
                "1", "--epochs", "2", "--quiet",
              ] + run.option)
          })
        #expect(Set(try runs.map { try $0.checkpointDigests() }).count == 1, "\(precision)")
      }
    }

    /// Within 2 % of float32's loss after 5 epochs, but not float32.
    @Test func `Trains like float32`() throws {
      let recipe = ["--epochs", "5", "--quiet"]
      let plain = folder.run("fp32")
      try IntegrationTests.run(ranks: 2, expecting: 0, recipe + plain.option)
      let expected = try #require(plain.metrics("eval").last).number("loss")
      for precision in try Self.rounding() {
        let run = folder.run(precision)
        try IntegrationTests.run(
          ranks: 2, expecting: 0, recipe + ["--precision", precision] + run.option)
        let last = try #require(run.metrics("eval").last)
        #expect(abs(try last.number("loss") / expected - 1) < 0.02, "\(last.line)")
        #expect(try run.digest() != plain.digest())
        let evaluated = try IntegrationTests.run(
          ranks: 1, expecting: 0, ["evaluate", "--json", run.path])
        #expect(evaluated.stdout.contains(last.line), "evaluated as it was trained")
        try Refusal.expect([
          Refusal(
            ["--resume", "latest", "--precision", "fp32", "--epochs", "6"] + run.option, 64,
            "precision", precision, "fp32")
        ])
      }
    }

    /// A CPU that lacks the instructions: refused for training, emulated for evaluation.
    @Test func `A CPU without bfloat16`() throws {
      let old = ["ONEDNN_MAX_CPU_ISA": "AVX2"]
      let refused = try IntegrationTests.run(
        ranks: 2, ["--precision", "bf16"] + folder.run("run").option, environment: old)
      #expect(refused.code == 64, "\(refused)")
      #expect(refused.stderr.contains("precision") && refused.stderr.contains("bf16-emulated"))
      #expect(refused.messages.count == 1, "\(refused)")
      guard try Self.rounding().contains("bf16") else { return }
      let run = folder.run("native")
      try IntegrationTests.run(
        ranks: 2, expecting: 0, ["--precision", "bf16", "--epochs", "1", "--quiet"] + run.option)
      try IntegrationTests.run(ranks: 2, expecting: 0, ["evaluate", run.path], environment: old)
    }
  }
}
