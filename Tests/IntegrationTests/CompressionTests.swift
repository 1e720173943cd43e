import Foundation
import Testing

extension Integration {
  /// Gradients that travel between hosts in fewer bytes.
  @Suite(.enabled(if: Hosts.arePermitted, "namespaces are not permitted here: one host only"))
  struct CompressionTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder(isOnDisk: true) }

    /// 26 steps an epoch: past the comparison of the hosts' parameters at step 100.
    private static let recipe = [
      "--threads", "1", "--epochs", "5", "--logical-ranks", "4", "--quiet",
    ]

    private func accuracy(_ run: RunFolder) throws -> Double {
      try #require(run.metrics("eval").last).number("accuracy")
    }

    private static let names = ["bf16", "fp16", "powersgd:rank=4"]

    @Test(arguments: names) func `Training is as good`(name: String) throws {
      let hosts = try Hosts([2, 2])
      let plain = folder.run("plain")
      try IntegrationTests.run(
        ranks: 4, expecting: 0, Self.recipe + plain.option, prefix: hosts.prefix)
      let run = folder.run(name)
      let outcome = try IntegrationTests.run(
        ranks: 4, expecting: 0, Self.recipe + run.option + ["--compress", name],
        prefix: hosts.prefix)
      #expect(outcome.stderr.contains("compress \(name): the bits depend on the hosts"))
      let config = try String(contentsOfFile: run.path + "/config.yaml", encoding: .utf8)
      #expect(config.replacing("\"", with: "").contains("compress: \(name)\n"))
      #expect(try run.digest() != plain.digest(), "something was rounded")
      // 180 samples: three of them.
      #expect(try abs(accuracy(run) - accuracy(plain)) <= 0.017)
      // Ten classes.
      #expect(try accuracy(run) > 0.8)
    }

    /// Stopped where the whole run saves too, and before a checkpoint that the hosts agree on.
    @Test(arguments: names) func `A resume ends in the same bits`(name: String) throws {
      let hosts = try Hosts([2, 1])
      let recipe = Self.recipe + ["--clip-norm", "0.5", "--compress", name]
      let (whole, parts) = (folder.run("whole"), folder.run("parts"))
      try IntegrationTests.run(
        ranks: 3, expecting: 0, recipe + whole.option, prefix: hosts.prefix)
      try IntegrationTests.run(
        ranks: 3, expecting: 75, recipe + parts.option + ["--stop-after", "52"],
        prefix: hosts.prefix)
      try IntegrationTests.run(
        ranks: 3, expecting: 0, parts.option + ["--resume", "latest", "--quiet"],
        prefix: hosts.prefix)
      #expect(try parts.checkpointDigests() == whole.checkpointDigests())
      #expect(try parts.digest() == whole.digest())
    }

    @Test func `Fewer bytes come from other hosts`() throws {
      let hosts = try Hosts([1, 1])
      func megabytes(_ options: [String]) throws -> Double {
        let outcome = try IntegrationTests.run(
          ranks: 2, expecting: 0,
          ["bench", "step", "--steps", "3", "--model", "mlp:1500,1200", "--threads", "1"] + options,
          prefix: hosts.prefix)
        let word = try #require(
          outcome.stdout.firstMatch(of: /received_mb=([0-9.]+)/), "\(outcome)")
        return try #require(Double(word.1))
      }
      let plain = try megabytes([])
      for name in ["bf16", "fp16"] {
        // And a word a block of 4,096.
        #expect(try abs(megabytes(["--compress", name]) / plain - 0.5) < 0.001, "\(name)")
      }
      // Four rows and columns of each matrix, and the biases.
      let numbers = 4 * (64 + 1500 + 1500 + 1200 + 1200 + 10) + 1500 + 1200 + 10
      #expect(
        try abs(megabytes(["--compress", "powersgd"]) - Double(numbers * 4) / 1e6) < 0.001)
    }

    @Test func `On one host nothing is sent, and MPI's own sums are float32`() throws {
      let plain = folder.run("plain")
      let recipe = Self.recipe.filter { $0 != "--quiet" }
      try IntegrationTests.run(ranks: 2, expecting: 0, recipe + plain.option)
      for (option, value) in [("compress", "bf16"), ("reduction", "fast"), ("bucket-mb", "9")] {
        let run = folder.run(option)
        let outcome = try IntegrationTests.run(
          ranks: 2, expecting: 0, recipe + run.option + ["--\(option)", value])
        #expect(outcome.stderr.contains("\(option) \(value) has no effect"), "\(outcome)")
        #expect(try run.digest() == plain.digest(), "\(option)")
      }
      try Refusal.expect([
        Refusal(
          ["--compress", "bf16", "--reduction", "fast"], 64, "compress bf16", "reduction fast"),
        Refusal(["--compress", "zip"], 64, "compress", "'zip'", "bf16"),
        Refusal(["--compress", "bf16:rank=1"], 64, "compress bf16", "'rank'"),
        Refusal(
          ["--compress", "powersgd:rank=0"], 64, "compress powersgd", "rank '0'", "1 to 256"),
        Refusal(["--compress", "powersgd:rank=1e30"], 64, "rank '1e30'", "1 to 256"),
      ])
    }
  }
}
