import Foundation
import Testing

extension Integration {
  /// A damaged checkpoint is never used: `latest` takes the one before, loudly; a path is refused.
  @Suite struct DamagedCheckpointTests {
    let folder: TemporaryFolder
    let whole: RunFolder
    let stopped: RunFolder

    init() throws {
      folder = try TemporaryFolder()
      (whole, stopped) = (folder.run("whole"), folder.run("stopped"))
      let recipe = ["--logical-ranks", "3", "--threads", "1", "--epochs", "3", "--quiet"]
      try IntegrationTests.run(ranks: 2, expecting: 0, recipe + whole.option)
      try IntegrationTests.run(
        ranks: 3, expecting: 75, recipe + stopped.option + ["--stop-after", "60"])
    }

    enum Damage {
      case flipped, cut, missing
    }

    private func damage(_ file: String, _ kind: Damage) throws {
      var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
      switch kind {
      case .flipped: bytes[bytes.count * 2 / 3] ^= 0x10
      case .cut: bytes.removeLast(bytes.count / 2)
      case .missing:
        try FileManager.default.removeItem(atPath: file)
        return
      }
      try bytes.write(to: URL(fileURLWithPath: file))
    }

    @Test func `The newest checkpoint is damaged`() throws {
      let cases: [(file: String, kind: Damage)] = [
        ("model.safetensors", .flipped), ("optimizer.safetensors", .flipped),
        ("state.json", .flipped), ("SHA256SUMS", .flipped), ("model.safetensors", .cut),
        ("SHA256SUMS", .cut), ("optimizer.safetensors", .missing), ("SHA256SUMS", .missing),
      ]
      let runs = try cases.map { file, kind in
        let run = folder.run("\(file)-\(kind)")
        try Subject.tool("cp", "-a", stopped.path, run.path)
        try damage(run.checkpoint(60) + "/" + file, kind)
        return run
      }
      let refused = try runAll(
        runs.map { Launch(ranks: 3, expecting: 65, ["--resume", $0.checkpoint(60)]) })
      for outcome in refused {
        #expect(outcome.messages.count == 1, "\(outcome)")
        #expect(outcome.messages.first?.contains("step_00000060") == true, "\(outcome)")
      }

      let resumed = try runAll(
        runs.map {
          Launch(ranks: 3, expecting: 0, $0.option + ["--resume", "latest", "--quiet"])
        })
      let state = "checkpoints/step_00000078/optimizer.safetensors"
      for (run, outcome) in zip(runs, resumed) {
        let warnings = outcome.stderr.split(separator: "\n").filter { $0.hasPrefix("warning:") }
        #expect(warnings.contains { $0.contains("step_00000060") }, "\(outcome)")
        #expect(try run.metrics("resume").map(\.step) == [52])
        #expect(try run.digest() == whole.digest())
        #expect(try run.digest(state) == whole.digest(state))
      }
    }

    @Test func `All are damaged`() throws {
      for step in stopped.steps { try damage(stopped.checkpoint(step) + "/state.json", .cut) }
      let outcomes = try runAll(
        ["latest", "auto", stopped.path].map {
          Launch(ranks: 2, expecting: 65, stopped.option + ["--resume", $0])
        })
      for outcome in outcomes { #expect(outcome.messages.count == 1, "\(outcome)") }
    }

    @Test func `Leftovers of an unfinished save do no harm`() throws {
      let leftover = stopped.path + "/checkpoints/.step_00000078.new"
      try FileManager.default.createDirectory(
        atPath: leftover, withIntermediateDirectories: false)
      try Data([1]).write(to: URL(fileURLWithPath: leftover + "/model.safetensors"))
      try FileManager.default.createDirectory(
        atPath: stopped.path + "/checkpoints/step_00000999.tmp",
        withIntermediateDirectories: false)
      try IntegrationTests.run(
        ranks: 2, expecting: 0, stopped.option + ["--resume", "latest", "--quiet"])
      #expect(try stopped.digest() == whole.digest())
    }

    @Test func `Nothing to resume`() throws {
      let none = folder.file("none")
      let outcomes = try runAll([
        Launch(ranks: 2, expecting: 65, ["--resume", "latest", "--run", none]),
        Launch(ranks: 2, expecting: 65, ["--resume", none]),
        Launch(ranks: 2, expecting: 65, ["--resume", folder.path]),
        Launch(ranks: 2, expecting: 64, ["--resume", "latest"]),
      ])
      for outcome in outcomes { #expect(outcome.messages.count == 1, "\(outcome)") }
    }
  }
}
