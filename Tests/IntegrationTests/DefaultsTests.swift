import Foundation
import Testing

extension Integration {
  /// What happens where nothing is asked for, and what a run folder holds.
  @Suite struct DefaultsTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func `No option at all learns the digits`() throws {
      let outcome = try IntegrationTests.run(
        ranks: 2, expecting: 0, [], prefix: ["-C", folder.path])
      #expect(outcome.messages.isEmpty)
      let names = RunFolder(path: folder.path).entries("runs")
      let name = try #require(names.first)
      #expect(names.count == 1 && name.hasPrefix("mlp-64-digits-"))
      #expect(outcome.stderr.contains("runs/\(name)"), "it says where")
      let run = folder.run("runs/\(name)")
      let last = try #require(try run.metrics("eval").last)
      #expect(try last.number("accuracy") >= 0.95)
      #expect(last.object["n"] as? Int == 179)
      #expect(try run.metrics().last?.text("reason") == "epochs")
      #expect(try run.metrics().last?.step == 520)
    }

    @Test func `A run folder's content`() throws {
      let run = folder.run("run")
      try IntegrationTests.run(ranks: 2, expecting: 0, run.option)
      #expect(
        run.entries() == [
          ".lock", "best", "checkpoints", "config.yaml", "latest", "metrics.jsonl",
          "model.safetensors", "model.safetensors.sha256",
        ])
      #expect(
        run.entries("checkpoints") == [
          ".made", "step_00000468", "step_00000494", "step_00000520",
        ])
      #expect(
        run.entries("checkpoints/step_00000520") == [
          "SHA256SUMS", "model.safetensors", "optimizer.safetensors", "state.json",
        ])
      let manager = FileManager.default
      for link in ["latest", "best"] {
        let target = try manager.destinationOfSymbolicLink(atPath: run.path + "/" + link)
        #expect(target == "checkpoints/step_00000520", "\(link) is relative")
      }
      try Subject.tool(
        "sh", "-c", "cd \"$0\" && sha256sum --check --strict --quiet SHA256SUMS",
        run.checkpoint(520))
      #expect(try run.digest() == run.digest("best/model.safetensors"))
    }

    @Test func `The stored configuration does the same again`() throws {
      let (first, again) = (folder.run("first"), folder.run("again"))
      try IntegrationTests.run(
        ranks: 3, expecting: 0,
        [
          "--epochs", "2", "--optimizer", "adamw", "--elastic-net", "0.001,0.5", "--schedule",
          "cosine:min=0.0001", "--warmup", "10%", "--batch-size", "50", "--betas", "0.8,0.99",
        ] + first.option)
      try IntegrationTests.run(
        ranks: 2, expecting: 0, ["--config", first.path + "/config.yaml"] + again.option)
      #expect(try first.digest() == again.digest())
      #expect(try first.checkpointDigests() == again.checkpointDigests())
    }

    @Test func `Metrics lines`() throws {
      let run = folder.run("run")
      try IntegrationTests.run(
        ranks: 2, expecting: 0, run.option + ["--epochs", "3", "--l2", "0.001"])
      let keys = [
        "step": [
          "kind", "step", "epoch", "loss", "penalty", "lr", "grad_norm", "samples",
          "samples_per_s", "compute_ms", "wait_ms", "slowest_rank",
        ],
        "eval": ["kind", "split", "step", "loss", "accuracy", "n"],
        "checkpoint": ["kind", "step", "pause_ms", "write_ms", "verify_ms", "bytes"],
        "end": ["kind", "reason", "step", "best_step", "wall_s"],
      ]
      let lines = try run.metrics()
      for line in lines {
        let expected = try #require(keys[line.kind ?? ""], "\(line.line)")
        #expect(Set(line.object.keys) == Set(expected), "\(line.line)")
      }
      // A checkpoint's line comes when its bytes are read back, steps later.
      let kinds = lines.compactMap(\.kind)
      #expect(kinds.filter { $0 == "checkpoint" }.count == 3)
      #expect(
        kinds.filter { $0 != "checkpoint" } == ["step", "eval", "step", "eval", "eval", "end"])
      #expect(try run.metrics("step").map(\.step) == [1, 50], "the first, and every 50")
      for line in try run.metrics("step") {
        let literal = try line.literal("loss")
        let value = try #require(Float(literal))
        #expect("\(value)" == literal, "reads back as the same Float32")
        #expect(Float(try line.number("loss")) == value)
        #expect(try line.number("penalty") > 0)
        #expect(abs(try line.number("lr") - 0.001) < 1e-9)
      }
      // 26 steps an epoch, the last of 18 samples.
      #expect(try run.metrics("step").map { $0.object["samples"] as? Int } == [64, 3154])
      #expect(try run.metrics("step").map { $0.object["epoch"] as? Int } == [0, 1])
    }

    @Test func `A rank stays below 100 MB`() throws {
      let run = folder.run("run")
      let job = try Job(ranks: 2, ["--epochs", "200", "--quiet"] + run.option)
      var peaks: [Int: Int] = [:]
      try job.wait { run.entries().contains("latest") }
      // A peak only grows: the last look of many, in the middle of training, is near it.
      while !job.hasEnded() {
        for process in job.ranks {
          if let rank = process.rank, let peak = process.peakKibibytes {
            peaks[rank] = max(peaks[rank] ?? 0, peak)
          }
        }
        usleep(10000)
      }
      #expect(try job.finish(timeout: 1).code == 0)
      #expect(peaks.keys.sorted() == [0, 1])
      for (rank, peak) in peaks {
        #expect(peak > 4000, "that is no process: \(peak) KiB")
        #expect(peak < 100_000, "rank \(rank) had \(peak) KiB")
      }
    }

    @Test func `Quiet is quiet, and standard output stays free`() throws {
      let loud = try IntegrationTests.run(
        ranks: 2, expecting: 0, folder.run("loud").option + ["--epochs", "1"])
      #expect(loud.stdout.isEmpty && loud.stderr.contains("accuracy"))
      #expect(!loud.stderr.contains("\u{1B}"), "no terminal codes in a file")
      let quiet = try IntegrationTests.run(
        ranks: 2, expecting: 0, folder.run("quiet").option + ["--epochs", "1", "--quiet"])
      #expect(quiet.stdout.isEmpty && quiet.stderr.isEmpty, "\(quiet)")
    }
  }
}
