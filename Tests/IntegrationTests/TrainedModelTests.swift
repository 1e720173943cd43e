import Foundation
import Testing

extension Integration {
  /// What is done with a trained model.
  @Suite struct TrainedModelTests {
    let folder: TemporaryFolder
    let run: RunFolder

    init() throws {
      folder = try TemporaryFolder()
      run = folder.run("run")
      try IntegrationTests.run(
        ranks: 2, expecting: 0, ["--epochs", "3", "--standardize", "--quiet"] + run.option)
    }

    /// The one object that `evaluate --json` prints.
    private func evaluate(ranks: Int, _ arguments: String...) throws -> Metrics {
      let outcome = try IntegrationTests.run(
        ranks: ranks, expecting: 0, ["evaluate", "--json"] + arguments)
      let lines = outcome.stdout.split(whereSeparator: \.isNewline)
      try #require(lines.count == 1, "\(outcome)")
      return try Metrics(line: String(lines[0]))
    }

    @Test func `Evaluation is exact on any ranks`() throws {
      let last = try #require(try run.metrics("eval").last)
      for ranks in [1, 2, 3, 7] {
        #expect(try evaluate(ranks: ranks, run.path).line == last.line)
      }
      let checks = try run.metrics("eval")
      #expect(try evaluate(ranks: 2, run.checkpoint(26)).line == checks[0].line)
      let train = try evaluate(ranks: 3, run.path, "--split", "train")
      #expect(train.object["n"] as? Int == 1618)
      #expect(try train.text("split") == "train")
      #expect(try evaluate(ranks: 1, run.path, "--split", "train").line == train.line)
    }

    @Test func `Classes are counted exactly on any ranks`() throws {
      let table = folder.file("classes.csv")
      let one = try evaluate(
        ranks: 1, run.path, "--per-class", "--top-k", "3", "--csv", table)
      let confusion = try #require(one.object["confusion"] as? [[Int]])
      #expect(confusion.count == 10 && confusion.joined().reduce(0, +) == 179)
      let correct = confusion.indices.reduce(0) { $0 + confusion[$1][$1] }
      #expect(try Double(one.literal("accuracy")) == Double(correct) / 179)
      #expect(try one.number("top3") >= one.number("accuracy"))
      let rows = try String(contentsOfFile: table, encoding: .utf8).split(separator: "\n")
      #expect(rows.count == 11 && rows[1].split(separator: ",").count == 15)
      for ranks in [2, 3] {
        let other = try evaluate(ranks: ranks, run.path, "--per-class", "--top-k", "3")
        #expect(other.line == one.line)
      }
      try Refusal.expect([
        Refusal(["evaluate", run.path, "--top-k", "11"], 64, "top-k", "1 … 10"),
        Refusal(["evaluate", run.path, "--csv", "/dev/null/x.csv"], 73, "/dev/null/x.csv"),
      ])
    }

    /// Where names do not count, the same weights begin the same training.
    @Test func `Initial weights by name and by order`() throws {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: run.model))
      let length = Int(bytes[0]) + 256 * Int(bytes[1])
      let header = Array(
        String(decoding: bytes[8..<(8 + length)], as: UTF8.self)
          .replacingOccurrences(of: "\"0.", with: "\"first.")
          .replacingOccurrences(of: "\"2.", with: "\"second.").utf8)
      let start = [header.count & 255, header.count >> 8, 0, 0, 0, 0, 0, 0].map { UInt8($0) }
      let foreign = try folder.write(
        "foreign.safetensors", start + header + bytes.dropFirst(8 + length))
      func train(_ name: String, _ options: String...) throws -> (RunFolder, Outcome) {
        let run = folder.run(name)
        let outcome = try IntegrationTests.run(
          ranks: 2, expecting: 0,
          ["--epochs", "1", "--standardize", "--progress", "off"] + options + run.option)
        return (run, outcome)
      }
      let (named, _) = try train("named", "--init-weights", run.model)
      let (ordered, said) = try train("ordered", "--init-weights", foreign, "--init-order")
      #expect(try ordered.digest() == named.digest())
      #expect(try train("fresh").0.digest() != named.digest())
      #expect(said.stderr.contains("0.weight = first.weight, 0.bias = first.bias, "), "\(said)")
      try Refusal.expect([Refusal(["--init-weights", foreign], 65, "no 0.weight [64, 64]")])
    }

    @Test func `A copied folder evaluates, a damaged one does not`() throws {
      let copy = folder.run("copy")
      try Subject.tool("cp", "-a", run.path, copy.path)
      try FileManager.default.moveItem(atPath: run.path, toPath: folder.file("away"))
      #expect(
        try evaluate(ranks: 2, copy.path).line == copy.metrics("eval").last?.line)
      let file = copy.checkpoint(26) + "/model.safetensors"
      var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
      bytes[bytes.count / 2] ^= 1
      try bytes.write(to: URL(fileURLWithPath: file))
      try Refusal.expect([
        Refusal(["evaluate", copy.checkpoint(26)], 65, "model.safetensors"),
        Refusal(["evaluate", folder.file("none")], 65, "none"),
        Refusal(["evaluate", copy.path, "--split", "half"], 64, "half"),
        Refusal(["evaluate", copy.path, "--split", "test"], 64, "test"),
        Refusal(["evaluate", copy.path, "--data", "diabetes"], 65, "diabetes"),
      ])
    }

    @Test func `The weights of the result are those that are evaluated`() throws {
      let model = try Data(contentsOf: URL(fileURLWithPath: run.model))
      var changed = model
      changed[model.count - 41] ^= 0x40
      for (bytes, word) in [(changed, "model.safetensors.sha256"), (model.dropLast(4), "sha256")] {
        try bytes.write(to: URL(fileURLWithPath: run.model))
        try Refusal.expect([Refusal(["evaluate", run.path], 65, run.model, word)])
      }
      // A checksum that was not copied is no damage; what is left of the file is.
      try FileManager.default.removeItem(atPath: run.model + ".sha256")
      try Refusal.expect([Refusal(["evaluate", run.path], 65, run.model, "data_offsets")])
      try model.write(to: URL(fileURLWithPath: run.model))
      #expect(try evaluate(ranks: 2, run.path).line == run.metrics("eval").last?.line)
    }

    @Test func `Predictions`() throws {
      for ending in ["npy", "csv"] {
        let outputs = try [1, 3].map { ranks in
          let file = folder.file("\(ranks).\(ending)")
          try IntegrationTests.run(
            ranks: ranks, expecting: 0, ["predict", run.path, "--output", file])
          return try Data(contentsOf: URL(fileURLWithPath: file))
        }
        #expect(outputs[0] == outputs[1], "\(ending)")
        #expect(outputs[0].count > 179 * 4)
      }
      // float32 [179, 10] after a header that ends at a multiple of 64 bytes.
      let array = try Data(contentsOf: URL(fileURLWithPath: folder.file("1.npy")))
      #expect((array.count - 179 * 10 * 4) % 64 == 0)
      #expect(String(decoding: array.prefix(80), as: UTF8.self).contains("(179, 10)"))

      let table = try String(contentsOfFile: folder.file("1.csv"), encoding: .utf8)
      let lines = table.split(separator: "\n").map { $0.split(separator: ",") }
      #expect(lines.count == 180)
      for line in lines.dropFirst() {
        let shares = line.dropFirst(2).compactMap { Double($0) }
        #expect(abs(shares.reduce(0, +) - 1) < 1e-5)
        let best = shares.indices.max { shares[$0] < shares[$1] }
        #expect(best.map { "\($0)" } == String(line[1]), "the class is the likeliest")
      }
      try Refusal.expect([
        Refusal(["predict", run.path, "--output", folder.file("x.txt")], 64, ".csv"),
        Refusal(["predict", run.path, "--output", "/dev/null/x.npy"], 73, "/dev/null/x.npy"),
        Refusal(
          ["predict", run.path, "--output", folder.file("x.csv"), "--tokens", "3", "--top-k", "1"],
          64, "tokens, top-k", "without prompt"),
      ])
    }

    /// As under no mpirun, which answers for its own output.
    @Test func `What cannot be printed is an error`() throws {
      for arguments in [
        ["evaluate", run.path], ["inspect", run.path], ["--print-config"], ["--help"],
      ] {
        let text = try Subject.tool(
          ["sh", "-c", #""$0" "$@" 2>&1 >/dev/full; test $? = 73"#, Subject.path()] + arguments)
        #expect(text.contains("standard output cannot be written"), "\(arguments): \(text)")
      }
    }

    @Test func `Inspection`() throws {
      for subject in [run.path, run.checkpoint(52)] {
        let outcome = try IntegrationTests.run(ranks: 1, expecting: 0, ["inspect", subject])
        for word in ["0.weight", "[64, 64]", "4,096", "2.bias", "[10]", "mlp:64", "seed"] {
          #expect(outcome.stdout.contains(word), "\(word): \(outcome)")
        }
      }
      let model = try IntegrationTests.run(
        ranks: 1, expecting: 0, ["inspect", "mlp:128,32", "--data", "digits"])
      #expect(model.stdout.contains("[32, 128]") && model.stdout.contains("12,778"), "\(model)")
      let shared = try IntegrationTests.run(ranks: 3, expecting: 0, ["inspect", run.path])
      let sums = shared.stdout.split(whereSeparator: \.isNewline).filter { $0.contains("sha256") }
      #expect(sums.count == 1, "one rank prints")
      #expect(try sums.first?.contains(run.digest()) == true)
    }

    @Test func `Curves of a run`() throws {
      let picture = folder.file("curves.svg")
      let outcome = try IntegrationTests.run(
        ranks: 2, expecting: 0, ["inspect", run.path, "--svg", picture])
      for title in ["training (loss)", "validation (accuracy)"] {
        #expect(outcome.stdout.components(separatedBy: title).count == 2, "once: \(outcome)")
      }
      let svg = try String(contentsOfFile: picture, encoding: .utf8)
      #expect(svg.contains(">validation</text>") && svg.components(separatedBy: "<poly").count == 3)

      let copy = folder.file("damaged")
      try FileManager.default.copyItem(atPath: run.path, toPath: copy)
      var lines = try String(contentsOfFile: copy + "/metrics.jsonl", encoding: .utf8)
        .split(separator: "\n").map(String.init)
      lines[2] = String(lines[2].dropLast(9))
      try lines.joined(separator: "\n").write(
        toFile: copy + "/metrics.jsonl", atomically: true, encoding: .utf8)
      let passed = try IntegrationTests.run(ranks: 2, expecting: 0, ["inspect", copy])
      #expect(passed.stderr.contains("1 line(s) are left out"), "\(passed)")
      #expect(passed.stdout.contains("training (loss)"))
      try Refusal.expect([
        Refusal(["inspect", run.checkpoint(52), "--svg", picture], 65, "no run's metrics.jsonl"),
        Refusal(["inspect", run.path, "--svg", "/dev/null/x.svg"], 73, "/dev/null/x.svg"),
        Refusal(["inspect", run.path, "--schedule", "cosine"], 64, "schedule", run.path),
        Refusal(["inspect", run.path, "--model", "cnn", "--lr", "9"], 64, "lr, model", run.path),
        Refusal(["inspect", run.path, "--ranks", "2"], 64, "ranks", run.path),
      ])
    }
  }
}
