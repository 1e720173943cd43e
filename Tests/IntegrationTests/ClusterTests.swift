import Foundation
import Testing

extension Integration {
  /// `check` and `bench`: the program's tests of the machine it runs on.
  @Suite struct ClusterTests {
    @Test(arguments: [1, 2, 5])
    func `The check passes`(ranks: Int) throws {
      let outcome = try IntegrationTests.run(ranks: ranks, expecting: 0, ["check"])
      let lines = outcome.stdout.split(whereSeparator: \.isNewline)
      #expect(lines.last == "PASS", "\(outcome)")
      #expect(lines.dropLast().allSatisfy { $0.contains("PASS") }, "\(outcome)")
    }

    @Test func `The check as JSON`() throws {
      let outcome = try IntegrationTests.run(ranks: 3, expecting: 0, ["check", "--json"])
      let json = try JSONSerialization.jsonObject(with: Data(outcome.stdout.utf8))
      let object = try #require(json as? [String: Any])
      #expect(object["passed"] as? Bool == true)
      let checks = try #require(object["checks"] as? [[String: Any]])
      #expect(checks.count >= 5)
      #expect(checks.allSatisfy { $0["passed"] as? Bool == true && $0["name"] is String })
      let words = checks.map { "\($0)" }.joined()
      for word in [
        "collectives", "shared memory", "cores", "program", "one folder", "3 ranks",
      ] {
        #expect(words.contains(word))
      }
    }

    @Test func `The reduction beside MPI's own`() throws {
      let outcome = try IntegrationTests.run(
        ranks: 3, expecting: 0, ["bench", "allreduce", "--largest", "4194304"])
      let lines = outcome.stdout.split(whereSeparator: \.isNewline)
      #expect(lines.count == 11, "4 B to 4 MiB, each 4 times the one before: \(outcome)")
      for (index, line) in lines.enumerated() {
        let pairs = line.split(separator: " ").map { $0.split(separator: "=").map(String.init) }
        let values = Dictionary(uniqueKeysWithValues: pairs.map { ($0[0], $0[1]) })
        #expect(values["bytes"] == "\(4 << (2 * index))" && values["ranks"] == "3")
        let (node, mpi) = (values["node_us"], values["mpi_us"])
        let ratio = try #require(values["mpi_over_node"].flatMap(Double.init))
        let own = try #require(node.flatMap(Double.init))
        let other = try #require(mpi.flatMap(Double.init))
        #expect(own > 0 && other > 0 && abs(ratio - other / own) < 0.02 + ratio * 0.05, "\(line)")
      }
    }

    @Test func `A prediction for more hosts`() throws {
      let folder = try TemporaryFolder()
      let drawing = folder.file("scale.svg")
      let outcome = try IntegrationTests.run(
        ranks: 2, expecting: 0,
        [
          "bench", "scale", "--bandwidth", "1", "--latency", "50", "--hosts", "8", "--steps", "20",
          "--compute-ms", "3", "--update-ms", "2", "--svg", drawing,
        ])
      let rows = outcome.stdout.split(whereSeparator: \.isNewline).dropFirst(2)
        .map { $0.split(separator: " ") }
      #expect(rows.map { $0[0] } == ["1", "2", "4", "8"], "\(outcome)")
      let times = rows.compactMap { Double($0[1]) }
      // 3 ms, half the update of 2, three messages of 50 µs, and 19240 bytes twice by half.
      #expect(times == [5, 4.304, 3.881, 3.669], "\(outcome)")
      #expect(try String(contentsOfFile: drawing, encoding: .utf8).hasPrefix("<svg"))
    }

    @Test func `A rank bound to one core of many is told`() throws {
      let folder = try TemporaryFolder()
      let recipe = ["--epochs", "1", "--threads", "1"]
      for (binding, isTold) in [("core", true), ("none", false)] {
        let job = try Job(
          ranks: 1, recipe + folder.run(binding).option, binding: binding)
        let outcome = try job.finish(timeout: 60)
        #expect(outcome.code == 0, "\(outcome)")
        let hasOthers = ProcessInfo.processInfo.activeProcessorCount > 1
        #expect(
          outcome.stderr.contains("bound to one core") == (isTold && hasOthers), "\(outcome)")
        #expect(outcome.stderr.contains("--bind-to none") == (isTold && hasOthers))
      }
    }

    @Test func `More threads than cores are told`() throws {
      let folder = try TemporaryFolder()
      for threads in [1, 2] {
        let outcome = try IntegrationTests.run(
          ranks: 2, expecting: 0,
          ["--steps", "2", "--threads", "\(threads)"] + folder.run("\(threads)").option,
          prefix: ["taskset", "-c", "0"])
        let isTold = outcome.stderr.contains("2 rank(s) of 2 threads share 1 core(s)")
        #expect(isTold == (threads == 2), "\(outcome)")
        #expect(outcome.stderr.contains("use --threads 1") == (threads == 2), "\(outcome)")
      }
    }

    @Test func `The measurement of a step`() throws {
      let folder = try TemporaryFolder()
      let outcome = try IntegrationTests.run(
        ranks: 2, expecting: 0,
        ["bench", "step", "--steps", "40", "--batch-size", "32", "--model", "mlp:32"],
        prefix: ["-C", folder.path])
      let lines = outcome.stdout.split(whereSeparator: \.isNewline)
      try #require(lines.count == 1, "\(outcome)")
      let pairs = lines[0].split(separator: " ").map { $0.split(separator: "=").map(String.init) }
      #expect(
        pairs.map { $0[0] } == [
          "workload", "ranks", "batch", "params", "steps", "step_ms", "samples_per_s",
          "compute_ms", "wait_ms", "rss_mb", "startup_ms",
        ])
      let values = Dictionary(uniqueKeysWithValues: pairs.map { ($0[0], $0[1]) })
      #expect(values["ranks"] == "2" && values["batch"] == "32" && values["steps"] == "40")
      #expect(values["params"] == "2410")
      for (key, value) in values where key != "workload" {
        #expect(try #require(Double(value)) >= 0, "\(key)=\(value)")
      }
      let step = try #require(values["step_ms"].flatMap(Double.init))
      let rate = try #require(values["samples_per_s"].flatMap(Double.init))
      #expect(abs(step * rate / 32_000 - 1) < 0.01, "32 samples a step")
      #expect(RunFolder(path: folder.path).entries().isEmpty, "it leaves no run folder")
    }

    @Test func `The measurement of the data`() throws {
      let folder = try TemporaryFolder()
      for (data, batch) in [("digits", 33), ("synthetic-regression:features=5,samples=90", 7)] {
        let outcome = try IntegrationTests.run(
          ranks: 2, expecting: 0,
          ["bench", "data", "--steps", "200", "--batch-size", "\(batch)", "--data", data]
            + (data == "digits" ? [] : ["--model", "linear"]), prefix: ["-C", folder.path])
        let lines = outcome.stdout.split(whereSeparator: \.isNewline)
        try #require(lines.count == 1, "\(outcome)")
        let values = Dictionary(
          uniqueKeysWithValues: lines[0].split(separator: " ").map { word in
            (word.prefix { $0 != "=" }, word.drop { $0 != "=" }.dropFirst())
          })
        let step = try #require(values["step_ms"].flatMap { Double($0) })
        let rate = try #require(values["samples_per_s"].flatMap { Double($0) })
        // The last batch of an epoch is smaller.
        let samples = step * rate / 1000
        #expect(samples > 0.9 * Double(batch) && samples < 1.01 * Double(batch), "\(outcome)")
        #expect((values["copy_gb_per_s"].flatMap { Double($0) } ?? 0) > 0)
      }
      #expect(RunFolder(path: folder.path).entries().isEmpty, "it leaves no run folder")
    }

    @Test func `Version and help`() throws {
      let version = try IntegrationTests.run(ranks: 3, expecting: 0, ["--version"])
      for word in ["swift-dist-train", "Swift", "Open MPI", "oneDNN", "instruction set"] {
        let lines = version.stdout.split(whereSeparator: \.isNewline)
        #expect(lines.filter { $0.hasPrefix(word) }.count == 1, "once: \(version)")
      }
      let help = try IntegrationTests.run(ranks: 3, expecting: 0, ["train", "--help"])
      #expect(help.stdout.components(separatedBy: "USAGE:").count == 2, "once: \(help)")
      for option in ["--batch-size", "--logical-ranks", "--resume", "--hang-timeout"] {
        #expect(help.stdout.contains(option))
      }
    }
  }
}
