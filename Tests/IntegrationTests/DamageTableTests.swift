import Foundation
import Testing

extension Integration {
  /// The program is given a checkpoint of which one file is cut short or has another byte: it
  /// refuses it by name and trains not a step.
  ///
  /// `DIST_TRAIN_DAMAGE=all launch/test --filter DamageTableTests` cuts each file at 50 places,
  /// changes 200 bytes of it, and prints a table.
  @Suite struct DamageTableTests {
    private static let isWhole = ProcessInfo.processInfo.environment["DIST_TRAIN_DAMAGE"] == "all"
    private static let (cuts, changes) = isWhole ? (50, 200) : (2, 3)

    /// What the program has made of a checkpoint.
    private enum Verdict { case refused, crashed, used }

    /// One rank, without `mpirun`.
    private func resume(_ checkpoint: String) throws -> Verdict {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: try Subject.path())
      process.arguments = ["--resume", checkpoint, "--quiet"]
      let pipe = Pipe()
      process.standardError = pipe
      try process.run()
      let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      switch process.terminationStatus {
      case _ where process.terminationReason != .exit || text.contains("Fatal error"):
        return .crashed
      case 65 where text.contains(checkpoint): return .refused
      case 0: return .used
      default: throw Unexpected(text: text)
      }
    }

    private struct Unexpected: Error { let text: String }

    /// The cut and the changed forms of a file, each with what was done to it.
    private func damaged(_ whole: Data) -> [(what: String, bytes: Data)] {
      let cuts = (0..<Self.cuts).map { part in
        let count = whole.count * part / Self.cuts
        return (what: "cut to \(count) bytes", bytes: whole.prefix(count))
      }
      let changes = (0..<Self.changes).map { _ in
        var bytes = whole
        let place = Int.random(in: 0..<bytes.count)
        bytes[place] ^= .random(in: 1...255)
        return (what: "byte \(place) is \(bytes[place])", bytes: bytes)
      }
      return cuts + changes
    }

    @Test func `Every damage is seen`() throws {
      let folder = try TemporaryFolder()
      let run = folder.run("run")
      try IntegrationTests.run(
        ranks: 2, expecting: 75,
        ["--logical-ranks", "2", "--threads", "1", "--stop-after", "30", "--quiet"] + run.option)
      let checkpoint = run.checkpoint(30)
      for file in ["model.safetensors", "optimizer.safetensors", "state.json", "SHA256SUMS"] {
        let place = URL(fileURLWithPath: checkpoint + "/" + file)
        let whole = try Data(contentsOf: place)
        var counts: [Verdict: Int] = [:]
        for (what, bytes) in damaged(whole) {
          try bytes.write(to: place)
          let verdict = try resume(checkpoint)
          #expect(verdict == .refused, "\(file) \(what)")
          counts[verdict, default: 0] += 1
        }
        try whole.write(to: place)
        print(
          "damage: \(file), \(whole.count) bytes: cut \(Self.cuts) times, changed "
            + "\(Self.changes) times; refused \(counts[.refused] ?? 0), crashed "
            + "\(counts[.crashed] ?? 0), used \(counts[.used] ?? 0)")
      }
      #expect(try resume(checkpoint) == .used, "undamaged, it is taken")
    }
  }
}
