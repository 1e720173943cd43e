import Foundation
import Testing

extension Integration {
  /// Options and files that cannot be meant so: 64 and one sentence.
  @Suite struct BadOptionTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func `Values`() throws {
      try Refusal.expect([
        Refusal(["--optimizer", "adamm"], 64, "adamm", "adamw"),
        Refusal(["--lr", "nan"], 64, "lr", "nan"), Refusal(["--lr", "inf"], 64, "lr"),
        Refusal(["--lr=-1"], 64, "lr", "'-1'", "above 0"),
        Refusal(["--lr", "-1"], 64, "lr", "'-1'", "above 0"),
        Refusal(["--elastic-net", "-1,0.5"], 64, "elastic-net", "'-1,0.5'"),
        Refusal(["--lr", "0"], 64, "lr"),
        Refusal(["--batch-size", "0"], 64, "batch-size"),
        Refusal(["--epochs", "3.5"], 64, "epochs"),
        Refusal(["--epochs", "9223372036854775808"], 64, "epochs"),
        Refusal(["--model", "mlp:0"], 64, "mlp:0"), Refusal(["--model", "mlq"], 64, "mlq"),
        Refusal(["--schedule", "cosin"], 64, "cosin"),
        Refusal(["--schedule", "cosine:mim=1"], 64, "mim"),
        Refusal(["--warmup", "ten"], 64, "warmup"),
        Refusal(["--logical-ranks", "2x"], 64, "logical-ranks"),
        Refusal(["--data", "digitz"], 64, "digitz"),
        Refusal(["--data", folder.file("absent")], 65, "no such folder"),
        Refusal(["--data", folder.file("absent.csv")], 65, "absent.csv"),
        Refusal(["--loss", "square"], 64, "'square'", "cross-entropy"),
        Refusal(["--loss", "huber:delta=-1"], 64, "delta '-1'", "above 0"),
        Refusal(["--loss", "hinge", "--data", "diabetes"], 64, "needs classes"),
        Refusal(["--loss", "bce", "--data", "diabetes"], 65, "no probability"),
        Refusal(["--label-smoothing", "1"], 64, "label-smoothing", "'1'", "smoothing < 1"),
        Refusal(["--label-smoothing", "0.1", "--loss", "mse"], 64, "label-smoothing", "mse"),
        Refusal(["--class-weights", "1,2"], 64, "class-weights", "10 classes"),
        Refusal(["--class-weights", "1,nan"], 64, "class-weights", "'1,nan'"),
        Refusal(["--data", "digits", "--task", "regression"], 64, "task"),
        Refusal(["--init-order"], 64, "init-order", "--init-weights"),
        Refusal(["--patience", "5"], 64, "patience", "--early-stopping"),
        Refusal(["--start-from", "zzz"], 64, "start-from", "'zzz'", "100st"),
        Refusal(["--early-stopping", "--start-from", "30ep"], 64, "start-from", "780", "520"),
        Refusal(["bench", "step", "--time-limit", "1h", "--run", "x"], 64, "run, time-limit"),
        Refusal(["bench", "data", "--lr", "1"], 64, "lr: bench data"),
        Refusal(["inspect", "mlp:8", "--resume", "latest"], 64, "resume", "the run's folder"),
        Refusal(["predict", "x", "--prompt", "a", "--seed", "-1"], 64, "'-1'", "0 … 2^64 − 1"),
        Refusal(["evaluate", folder.file("nope")], 65, "no such run", "Name a run's folder"),
        Refusal(["--checkpoint-every", "foo"], 64, "'foo'", "500st, 1ep or 10min"),
        Refusal(["--eval-every", "10min"], 64, "eval-every", "'10min'", "500st or 1ep"),
        Refusal(["--expect-ranks", "4"], 64, "expect-ranks", "4", "3"),
      ])
    }

    /// Beside `Values`: these are refused by the parser, before MPI has started.
    @Test(arguments: 0..<3)
    func `Unknown options`(attempt: Int) throws {
      let launches = [["--optimiser", "adam"], ["--lr"], ["--lr", "--quiet"], ["trian"]].map {
        Launch(ranks: 3, expecting: 64, $0)
      }
      for (launch, outcome) in zip(launches, try runAll(launches)) {
        let what: Comment = "\(launch.arguments): \(outcome)"
        let lines = outcome.stderr.split(separator: "\n")
        #expect(lines.filter { $0.contains(launch.arguments[0]) }.count >= 1, what)
        #expect(
          lines.filter { $0.hasPrefix("Error:") || $0.hasPrefix("swift-dist-train:") }.count == 1,
          what)
      }
    }

    @Test func `Configuration files`() throws {
      func file(_ name: String, _ text: String, _ words: String) throws -> Refusal {
        Refusal(["--config", try folder.write(name + ".yaml", text)], 64, words, name)
      }
      try Refusal.expect([
        try file("unknown", "lr: 0.01\n\nlearning: 1\n", "line 3"),
        try file("twice", "lr: 0.01\nlr: 0.02\n", "lr"),
        try file("value", "epochs: 2\nlr: -3\n", "line 2"),
        try file("nested", "lr: {a: 1}\n", "lr"), try file("list", "- lr\n", "mapping"),
        try file("broken", "lr: [1, 2\n", "broken"), try file("empty", "", "empty"),
        try file("switch", "standardize: perhaps\n", "line 1"),
        // What is known to be wrong with the data alone.
        try file("schedule", "seed: 1\nschedule: cosin\n", "line 2"),
        try file("model", "seed: 1\nmodel: mlq\n", "line 2"),
        try file("idle", "seed: 1\n\nouter-lr: 0.5\n", "line 3"),
        Refusal(["--config", folder.file("none.yaml")], 64, "none.yaml"),
      ])
    }

    @Test func `Where each value comes from`() throws {
      let config = try folder.write("given.yaml", "batch-size: 32\nlr: 0.01\nepochs: 2\n")
      let outcome = try IntegrationTests.run(
        ranks: 3, expecting: 0, ["--config", config, "--lr", "0.02", "--print-config"])
      let lines = outcome.stdout.split(whereSeparator: \.isNewline).map(String.init)
      #expect(lines.contains("batch-size: 32  # \(config), line 1"), "\(outcome)")
      #expect(lines.contains("lr: 0.02  # --lr"), "the flag wins: \(outcome)")
      #expect(lines.contains("epochs: 2  # \(config), line 3"))
      #expect(lines.contains("seed: 0  # default"))
      #expect(lines.contains("optimizer: adam  # default"), "\(outcome)")
      #expect(lines.filter { $0.hasPrefix("lr:") }.count == 1, "one rank prints")
      // Defaults that do nothing stand in it as well.
      let printed = try folder.write("printed.yaml", outcome.stdout)
      let again = try IntegrationTests.run(
        ranks: 3, expecting: 0, ["--config", printed, "--print-config"])
      func values(_ text: String) -> [Substring] {
        text.split(whereSeparator: \.isNewline).map { $0.prefix { $0 != "#" } }
      }
      #expect(values(again.stdout) == values(outcome.stdout))
    }

    @Test func `Model files`() throws {
      func model(_ name: String, _ text: String, _ code: Int32, _ words: String) throws -> Refusal {
        let path = try folder.write(name + ".yaml", text)
        return Refusal(["--model", path] + folder.run(name).option, code, words)
      }
      let good = "input: [1, 8, 8]\nlayers:\n  - linear: 32\n  - relu\n  - linear: 10\n"
      try Refusal.expect([
        try model("unknown", "layers:\n  - linear: 8\n  - dence: 10\n", 65, "dence"),
        try model("conv", "layers:\n  - conv: {out: 8, kernel: 9}\n", 65, "0 (conv)"),
        try model(
          "input", good.replacingOccurrences(of: "1, 8, 8", with: "1, 9, 9"), 65, "[1, 8, 8]"),
        try model("key", "layers:\n  - linear: {outs: 8}\n", 65, "line 2"),
        try model("zero", "layers:\n  - linear: 0\n  - linear: 10\n", 65, "line 2"),
        try model("outputs", "layers:\n  - linear: 9\n", 65, "9 outputs"),
        try model("none", "input: [1, 8, 8]\n", 65, "layers"),
        try model("text", "hello", 65, "layers"),
        Refusal(["--model", folder.file("absent.yaml")], 65, "absent.yaml"),
      ])
      // The same layers by name and by file are the same model, so what was refused was the rest.
      let path = try folder.write("good.yaml", good)
      let (named, written) = (folder.run("named"), folder.run("written"))
      try IntegrationTests.run(
        ranks: 2, expecting: 0, ["--model", "mlp:32", "--epochs", "1"] + named.option)
      try IntegrationTests.run(
        ranks: 3, expecting: 0,
        ["--model", path, "--epochs", "1", "--logical-ranks", "2"] + written.option)
      #expect(try named.metrics("eval").map(\.line) == written.metrics("eval").map(\.line))
    }

    @Test func `Initial weights`() throws {
      let run = folder.run("run")
      try IntegrationTests.run(ranks: 2, expecting: 0, ["--epochs", "1"] + run.option)
      let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: run.model)))
      let cut = try folder.write("cut.safetensors", bytes.dropLast(9))
      let huge = try folder.write(
        "huge.safetensors", [UInt8](repeating: 0xFF, count: 8) + bytes.dropFirst(8))
      // Its last float is one of the output's weights.
      let nan = try folder.write(
        "nan.safetensors", bytes.dropLast(4) + [0, 0, 0xC0, 0x7F])
      try Refusal.expect(
        [
          (["--init-weights", folder.file("none")], "init-weights: \(folder.file("none"))"),
          (["--init-weights", cut], "cut.safetensors"),
          (["--init-weights", huge], "huge.safetensors"),
          (["--init-weights", nan], "2.bias holds a NaN"),
          (["--init-weights", "/dev/zero"], "/dev/zero"),
          (["--init-weights", run.model, "--model", "mlp:32"], "0.weight"),
          (["--init-weights", run.model, "--model", "mlp:64,64"], "2.weight"),
          (["--init-weights", run.path + "/config.yaml"], "config.yaml"),
          (
            ["--init-weights", run.model, "--init-order", "--model", "mlp:32"],
            "layer 1: expected 0.weight F32 [32, 64], found 0.weight F32 [64, 64]"
          ),
          (["--init-weights", nan, "--init-order"], "2.bias holds a NaN"),
        ].enumerated().map { index, start in
          Refusal(start.0 + folder.run("\(index)").option, 65, start.1)
        })
      #expect(folder.run("").entries("").filter { Int($0) != nil } == [], "no run was begun")
    }

    @Test func `Run folders`() throws {
      let run = folder.run("run")
      try IntegrationTests.run(ranks: 2, expecting: 0, ["--epochs", "1"] + run.option)
      let before = try run.checkpointDigests()
      let ended = folder.run("ended")
      try Subject.tool("cp", "-a", run.path, ended.path)
      try Subject.tool("rm", "-r", ended.path + "/checkpoints")
      let file = try folder.write("file", "")
      try Subject.tool("mkdir", folder.file("other"))
      try folder.write("other/notes.txt", "mine")
      let stopped = folder.run("stopped")
      try Subject.tool("mkdir", stopped.path)
      try folder.write("stopped/config.yaml", "")
      try Refusal.expect([
        Refusal(["--run", folder.file("other"), "--resume", "auto"], 64, "exists"),
        Refusal(ended.option + ["--resume", "auto"], 64, "has a result", "no checkpoint"),
        Refusal(["--run", folder.file("other")], 64, "exists", "name another"),
        // Neither may send the user to the other.
        Refusal(stopped.option, 64, "exists", "no checkpoint", "delete"),
        Refusal(stopped.option + ["--resume", "latest"], 65, "no checkpoint", "delete"),
        Refusal(folder.run("none").option + ["--resume", "latest"], 65, "without --resume"),
        Refusal(["evaluate", stopped.path], 65, "neither a checkpoint", "Name a folder"),
        Refusal(["--run", "/dev/null/x"], 73, "/dev/null/x"),
        Refusal(["--run", file + "/x"], 73, "file/x"),
        Refusal(run.option, 64, "--resume"), Refusal(["--run", file], 64, "exists"),
        Refusal(["--run", folder.file(String(repeating: "x", count: 256))], 73, "too long"),
      ])
      #expect(try run.checkpointDigests() == before)
    }

    /// A path is never more than a path.
    @Test func `Names of folders`() throws {
      let run = folder.run("a 'b\" ;touch x $(touch x) `touch x` -- ü 日本")
      try IntegrationTests.run(ranks: 2, expecting: 75, ["--stop-after", "30"] + run.option)
      try IntegrationTests.run(ranks: 2, expecting: 0, ["--resume", run.path, "--epochs", "2"])
      try IntegrationTests.run(ranks: 2, expecting: 0, ["evaluate", run.path])
      #expect(run.steps.sorted() == [26, 30, 52])
    }
  }
}
