import Foundation
import Testing

extension Integration {
  /// Ranks that were started with something else than rank 0: refused before the first step, with
  /// who, what and both hashes.
  @Suite struct AgreementTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder(isOnDisk: true) }

    /// One rank with `first`, and two with `others`, which begin with the program.
    private func start(
      _ first: [String], _ others: [String], prefix: [String] = []
    ) throws -> Outcome {
      try IntegrationTests.run(
        ranks: 1, first + [":", "-np", "2"] + others, prefix: prefix, timeout: 60)
    }

    private func expectRefused(
      _ outcome: Outcome, _ code: Int32, _ words: String...,
      at place: SourceLocation = #_sourceLocation
    ) {
      #expect(outcome.code == code, "\(outcome)", sourceLocation: place)
      #expect(outcome.messages.count == 1, "\(outcome)", sourceLocation: place)
      for word in words + ["ranks 1, 2 on ", "than rank 0 on ", "hash "] {
        #expect(outcome.stderr.contains(word), "'\(word)'? \(outcome)", sourceLocation: place)
      }
    }

    @Test func `Other options`() throws {
      let program = try Subject.path()
      let run = folder.run("run")
      let recipe = ["--epochs", "1"] + run.option
      expectRefused(
        try start(recipe + ["--lr", "0.01"], [program] + recipe + ["--lr", "0.02"]), 64,
        "another configuration", "'lr: 0.02' and not 'lr: 0.01'")
      expectRefused(
        try start(recipe, [program, "bench", "step", "--steps", "1"]), 64, "another command",
        "'BenchStep', 'bench', 'step' and not 'Train'")
      #expect(run.entries().isEmpty)
      expectRefused(
        try start(["evaluate", "run"], [program, "evaluate", "run", "--split", "val"]), 64,
        "another command", "'--split', 'val' and not nothing")
    }

    @Test func `Another program`() throws {
      let program = try Subject.path()
      let same = folder.file("same")
      let other = folder.file("other")
      for copy in [same, other] {
        try FileManager.default.copyItem(atPath: program, toPath: copy)
      }
      // Behind its last section: it runs as the first does.
      let handle = try #require(FileHandle(forWritingAtPath: other))
      try handle.seekToEnd()
      try handle.write(contentsOf: Data([1]))
      try handle.close()
      let recipe = ["--epochs", "1", "--quiet"] + folder.run("run").option
      expectRefused(
        try start(recipe, [other] + recipe), 64, "another program", "'executable ")
      let check = try start(["check"], [other, "check"])
      #expect(check.code == 70 && check.stdout.contains("another program"), "\(check)")
      let outcome = try start(recipe, [same] + recipe)
      #expect(outcome.code == 0, "a copy is the same program: \(outcome)")
    }

    @Test(.enabled(if: Hosts.arePermitted, "namespaces are not permitted here: one host only"))
    func `Other data on another host`() throws {
      let hosts = try Hosts([1, 2])
      let program = try Subject.path()
      let rows = (0..<40).map { "\($0),\($0 % 3),\($0 % 2)\n" }
      let table = "a,b,y\n" + rows.joined()
      // The same path from either host's folder.
      let recipe = [
        "--data", "table.csv", "--target", "y", "--epochs", "1", "--run", folder.file("run"),
      ]
      for (name, changed, words) in [
        ("shorter", "a,b,y\n" + rows.dropLast().joined(), "'39 train rows', '"),
        // As long as the first.
        ("changed", table.replacingOccurrences(of: "\n17,2,1", with: "\n18,2,1"), "'content "),
      ] {
        let places = ["first-\(name)", "second-\(name)"].map(folder.file)
        for (place, text) in zip(places, [table, changed]) {
          try FileManager.default.createDirectory(
            atPath: place, withIntermediateDirectories: false)
          try Data(text.utf8).write(to: URL(fileURLWithPath: place + "/table.csv"))
        }
        let outcome = try start(
          recipe, ["-wdir", places[1], program] + recipe,
          prefix: ["env", "-C", places[0]] + hosts.prefix)
        expectRefused(outcome, 65, "another data set", words, "on n2", "on n1")
      }
    }
  }
}
