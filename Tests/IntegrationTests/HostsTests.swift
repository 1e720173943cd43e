import Foundation
import Testing

extension Integration {
  /// Several hosts, made of namespaces: `Tests/Hosts/hosts`.
  @Suite(.enabled(if: Hosts.arePermitted, "namespaces are not permitted here: one host only"))
  struct HostsTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder(isOnDisk: true) }

    private static let recipe = [
      "--threads", "1", "--epochs", "2", "--quiet", "--logical-ranks", "8",
    ]

    private func digests(_ run: RunFolder) throws -> [String: String] {
      var digests = try run.checkpointDigests()
      try #require(run.steps.count == 2, "a checkpoint an epoch")
      digests["model"] = try run.digest()
      return digests
    }

    /// Unequal nodes, as many as there are, every mapping of ranks.
    @Test(
      arguments: [
        "--optimizer adam --clip-norm 0.5", "--optimizer lamb",
        "--optimizer momentum --model mlp:1500,1200 --batch-size 512",
      ])
    func `Hosts change no bit`(options: String) throws {
      let recipe = Self.recipe + options.split(separator: " ").map(String.init)
      let one = folder.run("one")
      try IntegrationTests.run(ranks: 1, expecting: 0, recipe + one.option)
      let expected = try digests(one)
      for slots in [[2, 2], [3, 1], [1, 3], [4, 4], [2, 2, 2, 2]] {
        let hosts = try Hosts(slots)
        let run = folder.run(slots.map(String.init).joined(separator: "+"))
        let ranks = slots.reduce(0, +)
        let log = try IntegrationTests.run(
          ranks: ranks, expecting: 0, recipe + run.option, prefix: hosts.prefix)
        #expect(try digests(run) == expected, "\(slots): \(log)")
        guard slots == [2, 2] else { continue }
        let dealt = folder.run("by-node")
        try IntegrationTests.run(
          ranks: ranks, expecting: 0, recipe + dealt.option, prefix: hosts.prefix,
          environment: ["OMPI_MCA_rmaps_base_mapping_policy": "node"])
        #expect(try digests(dealt) == expected, "ranks dealt to hosts in turn")
      }
    }

    /// The one that serves three gets rid of its sums only while they, who wait for each other, let
    /// MPI go on. Without that, two in five of these runs hung.
    @Test func `Three ranks here, one there`() throws {
      let hosts = try Hosts([3, 1])
      let recipe = ["--model", "mlp:1500,1200", "--batch-size", "512", "--threads", "1", "--quiet"]
      for number in 1...6 {
        try IntegrationTests.run(
          ranks: 4, expecting: 0, recipe + ["--steps", "2"] + folder.run("\(number)").option,
          prefix: hosts.prefix)
      }
    }

    /// Sums in another order: other bits, and the same training. On four hosts MPI's sum of a large
    /// slice ends nowhere before all have begun it, and the two ranks of a host begin in turns.
    @Test func `MPI's own reduction`() throws {
      let recipe =
        Self.recipe + ["--clip-norm", "0.5", "--model", "mlp:512,512", "--bucket-mb", "1"]
      let one = folder.run("one")
      try IntegrationTests.run(ranks: 1, expecting: 0, recipe + one.option)
      let expected = try Weights(one.model).tensors
      for slots in [[2, 2], [1, 1, 1], [2, 2, 2, 2]] {
        let hosts = try Hosts(slots)
        let run = folder.run("fast-\(slots.count)-\(slots[0])")
        let outcome = try IntegrationTests.run(
          ranks: slots.reduce(0, +), expecting: 0,
          recipe + ["--reduction", "fast"] + run.option, prefix: hosts.prefix)
        #expect(outcome.stderr.contains("the bits depend on the number of ranks and hosts"))
        let config = try String(contentsOfFile: run.path + "/config.yaml", encoding: .utf8)
        #expect(config.contains("reduction: fast"))
        for (name, tensor) in try Weights(run.model).tensors {
          let values = try #require(expected[name]?.values)
          let error = difference(tensor.values, values).map(abs).max() ?? 0
          // Float sums of 64 samples over 52 steps of Adam.
          #expect(error <= 1e-4 * (values.map(abs).max() ?? 0), "\(slots) \(name): \(error)")
        }
      }
      let hosts = try Hosts([2, 1])
      let refused = try IntegrationTests.run(
        ranks: 3, recipe + ["--reduction", "fast"] + folder.run("refused").option,
        prefix: hosts.prefix)
      #expect(refused.code == 64 && refused.stderr.contains("2, 1 ranks"), "\(refused)")
    }

    /// The optimizer's state is in pieces on the hosts, and whole in a checkpoint.
    @Test(arguments: [[], ["--checkpoint-mode", "sync", "--ema"]])
    func `A run goes on on other hosts`(options: [String]) throws {
      let recipe = Self.recipe + ["--clip-norm", "0.5"] + options
      let whole = folder.run("whole")
      let parts = folder.run("parts")
      try IntegrationTests.run(ranks: 2, expecting: 0, recipe + whole.option)
      let hosts = try Hosts([3, 1])
      try IntegrationTests.run(
        ranks: 4, expecting: 75, recipe + parts.option + ["--stop-after", "20"],
        prefix: hosts.prefix)
      let again = parts.option + ["--resume", "latest", "--quiet"]
      try IntegrationTests.run(ranks: 3, expecting: 75, again + ["--stop-after", "30"])
      try IntegrationTests.run(ranks: 4, expecting: 0, again, prefix: hosts.prefix)
      #expect(try parts.digest() == whole.digest())
      let state = "latest/optimizer.safetensors"
      #expect(try parts.digest(state) == whole.digest(state))

      let figures = ["evaluate", parts.path, "--split", "val"]
      let alone = try IntegrationTests.run(ranks: 1, expecting: 0, figures)
      let together = try IntegrationTests.run(
        ranks: 4, expecting: 0, figures, prefix: hosts.prefix)
      #expect(together.stdout == alone.stdout)
      let files = (folder.file("alone.npy"), folder.file("together.npy"))
      let prediction = ["predict", parts.path, "--data", "digits", "--output"]
      try IntegrationTests.run(ranks: 1, expecting: 0, prediction + [files.0])
      try IntegrationTests.run(
        ranks: 4, expecting: 0, prediction + [files.1], prefix: hosts.prefix)
      #expect(try sha256(of: files.0) == sha256(of: files.1))
    }

    /// Adam: parameters, gradients, and two arrays of state of which a host has its part.
    @Test func `A host has its part of the optimizer's state`() throws {
      let recipe = ["--model", "mlp:1024,1024", "--threads", "1", "--steps", "1"]
      func windowBytes(_ slots: [Int], _ name: String) throws -> Double {
        let hosts = try Hosts(slots)
        let outcome = try IntegrationTests.run(
          ranks: slots.count, expecting: 0, recipe + folder.run(name).option,
          prefix: hosts.prefix)
        let plan = try #require(outcome.stderr.firstMatch(of: /([0-9.]+) MiB window/), "\(outcome)")
        return try #require(Double(plan.1))
      }
      let one = try windowBytes([1], "one")
      for (hosts, arrays) in [(2, 3.0), (4, 2.5)] {
        let bytes = try windowBytes(Array(repeating: 1, count: hosts), "hosts-\(hosts)")
        #expect(abs(bytes / one - arrays / 4) < 0.05, "\(hosts) hosts: \(bytes) of \(one) MiB")
      }
    }

    @Test func `What came from other hosts, and what of it was hidden`() throws {
      let hosts = try Hosts([1, 1])
      let outcome = try IntegrationTests.run(
        ranks: 2, expecting: 0,
        ["bench", "step", "--steps", "5", "--model", "mlp:1500,1200", "--threads", "1"],
        prefix: hosts.prefix)
      let words = outcome.stdout.split { $0 == " " || $0.isNewline }
      func number(_ name: String) throws -> Double {
        let word = try #require(words.first { $0.hasPrefix(name + "=") }, "\(outcome)")
        return try #require(Double(word.dropFirst(name.count + 1)))
      }
      // Each rank owns half of every bucket and gets it once from the other.
      let half = try number("params") * 4 / 2 / 1e6
      #expect(abs(try number("received_mb") / half - 1) < 0.02)
      #expect(try (0...1).contains(number("hidden")))
    }

    @Test func `The check passes`() throws {
      let hosts = try Hosts([2, 1])
      let outcome = try IntegrationTests.run(
        ranks: 3, expecting: 0, ["check"], prefix: hosts.prefix)
      #expect(outcome.stdout.contains("3 ranks on 2 host"), "\(outcome)")
    }
  }
}
