import Foundation
import Testing

extension Integration {
  /// Data that has moved is the same data, data that has changed is not.
  @Suite struct MovedDataTests {
    let folder: TemporaryFolder
    let run: RunFolder
    /// Where the data was, and where it is now.
    let (old, new): (String, String)

    private static let recipe = [
      "--target", "class", "--logical-ranks", "2", "--threads", "1", "--epochs", "6",
      "--checkpoint-every", "1ep", "--quiet",
    ]

    init() throws {
      folder = try TemporaryFolder()
      run = folder.run("run")
      old = try folder.write("data.csv", DataFiles.csv())
      new = folder.file("moved.csv")
      let start = ["--data", old] + Self.recipe
      try IntegrationTests.run(ranks: 2, expecting: 0, start + folder.run("whole").option)
      try IntegrationTests.run(ranks: 2, expecting: 75, start + run.option + ["--stop-after", "3"])
      try FileManager.default.moveItem(atPath: old, toPath: new)
    }

    private var resume: [String] { run.option + ["--resume", "latest", "--quiet"] }

    @Test func `A run goes on where its data is named anew`() throws {
      try Refusal.expect([
        Refusal(resume, 65, "data: \(old): no such folder or file (from \(run.path)", "--data"),
        Refusal(resume + ["--data", "digits"], 64, "data: the run was started with \(old)"),
        Refusal(
          ["evaluate", run.path], 65, "data: \(old): no such", "(from \(run.path))", "--data"),
      ])
      try IntegrationTests.run(ranks: 3, expecting: 0, resume + ["--data", new])
      #expect(try run.digest() == folder.run("whole").digest())
      #expect(
        try run.metrics("eval").map(\.line) == folder.run("whole").metrics("eval").map(\.line))
      // The run knows the new place.
      try IntegrationTests.run(ranks: 1, expecting: 0, ["evaluate", run.path])
    }

    @Test func `Other rows are not the run's`() throws {
      try folder.write("moved.csv", DataFiles.csv() + "1,1,1,no\n")
      let rows = "train rows 60 → 61, bytes"
      try FileManager.default.copyItem(atPath: new, toPath: old)
      try Refusal.expect([
        Refusal(resume, 65, "data has changed", rows),
        Refusal(resume + ["--data", new], 65, "data has changed", rows),
        Refusal(["evaluate", run.path], 65, "data has changed", rows, "--data \(old)"),
        Refusal(["evaluate", run.path, "--split", "train"], 65, "data has changed"),
        Refusal(["predict", run.path, "--output", folder.file("x.csv")], 65, "train rows 60 → 61"),
        Refusal(["evaluate", run.path, "--data", new, "--split", "val"], 64, "no val rows"),
      ])
      let all = try evaluate("--data", new)
      #expect(try all.text("split") == "data" && all.object["n"] as? Int == 61)
    }

    @Test func `The run's splits of data that has moved`() throws {
      let whole = folder.run("whole")
      let last = try #require(try whole.metrics("eval").last)
      #expect(try evaluate(of: whole, "--data", new, "--split", "val").line == last.line)
      let train = try evaluate(of: whole, "--data", new, "--split", "train")
      #expect(train.object["n"] as? Int == 54)
      let all = try evaluate(of: whole, "--data", new)
      #expect(all.object["n"] as? Int == 60)
    }

    /// Whose rows were never trained on.
    @Test func `A test set stays good while other data changes`() throws {
      let test = try folder.write("test.csv", DataFiles.csv())
      let tested = folder.run("tested")
      try IntegrationTests.run(
        ranks: 2, expecting: 0,
        ["--data", new, "--test-data", test] + Self.recipe + tested.option)
      try folder.write("moved.csv", DataFiles.csv() + "1,1,1,no\n")
      let outcome = try IntegrationTests.run(
        ranks: 2, expecting: 0, ["evaluate", tested.path, "--json"])
      #expect(try outcome.stdout.contains(#require(tested.metrics("eval").last).line), "\(outcome)")
      #expect(outcome.stderr.contains("has changed since the run was started: train rows 60 → 61"))
      try folder.write("test.csv", DataFiles.csv() + "1,1,1,no\n")
      try Refusal.expect([Refusal(["evaluate", tested.path], 65, "test rows 60 → 61")])
    }

    private func evaluate(of run: RunFolder? = nil, _ options: String...) throws -> Metrics {
      let outcome = try IntegrationTests.run(
        ranks: 2, expecting: 0, ["evaluate", "--json", (run ?? self.run).path] + options)
      return try Metrics(line: outcome.stdout.trimmingCharacters(in: .newlines))
    }
  }
}
