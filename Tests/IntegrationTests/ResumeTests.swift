import Testing

extension Integration {
  /// A run that was stopped and resumed ends in the bits of one that never was.
  @Suite struct ResumeTests {
    let folder: TemporaryFolder
    let whole: RunFolder

    /// 26 steps an epoch; the schedule is that of the whole run, wherever it is stopped.
    static let recipe = [
      "--logical-ranks", "4", "--threads", "1", "--epochs", "3", "--schedule", "cosine",
      "--warmup", "10st", "--log-every", "1", "--keep", "100", "--quiet",
    ]

    init() throws {
      folder = try TemporaryFolder()
      whole = folder.run("whole")
      try IntegrationTests.run(ranks: 2, expecting: 0, Self.recipe + whole.option)
    }

    private func expectSame(_ run: RunFolder, resumes: [(step: Int, ranks: Int)]) throws {
      #expect(try run.digest() == whole.digest())
      let digests = try run.checkpointDigests()
      for (file, digest) in try whole.checkpointDigests() {
        #expect(digests[file] == digest, "\(file)")
      }
      // Each step once, with the figures of the run that was not stopped.
      let (lines, expected) = (try run.metrics("step"), try whole.metrics("step"))
      #expect(lines.map(\.step) == Array(1...78))
      for key in ["loss", "lr", "grad_norm", "samples", "epoch"] {
        #expect(try lines.map { try $0.literal(key) } == expected.map { try $0.literal(key) })
      }
      #expect(try run.metrics("eval").map(\.line) == whole.metrics("eval").map(\.line))
      let marks = try run.metrics("resume")
      #expect(marks.map(\.step) == resumes.map(\.step))
      #expect(marks.map { $0.object["ranks"] as? Int } == resumes.map(\.ranks))
      #expect(try run.metrics("end").count == 1, "one end, the last")
      #expect(try run.metrics().last?.text("reason") == "epochs")
    }

    /// In the middle of an epoch, at its end, just after it, at the first and last but one step.
    @Test func `Stop and resume`() throws {
      let cases = [(31, 3, 1), (52, 1, 4), (53, 4, 3), (1, 2, 5), (77, 5, 2)].map {
        (stop: $0, ranks: $1, then: $2, run: folder.run("stopped-\($0)"))
      }
      try runAll(
        cases.map {
          Launch(
            ranks: $0.ranks, expecting: 75,
            Self.recipe + $0.run.option + ["--stop-after", "\($0.stop)"])
        })
      for (stop, _, _, run) in cases {
        #expect(run.steps.max() == stop)
        #expect(!run.entries().contains("model.safetensors"), "no result yet")
        #expect(try run.metrics("end").last?.text("reason") != "epochs")
      }
      try runAll(
        cases.map {
          Launch(
            ranks: $0.then, expecting: 0, $0.run.option + ["--resume", "latest", "--quiet"])
        })
      for (stop, _, then, run) in cases { try expectSame(run, resumes: [(stop, then)]) }
    }

    @Test func `Resume twice, by folder and by checkpoint`() throws {
      let run = folder.run("stopped")
      try IntegrationTests.run(
        ranks: 3, expecting: 75, Self.recipe + run.option + ["--stop-after", "31"])
      try IntegrationTests.run(
        ranks: 4, expecting: 75, ["--resume", run.path, "--stop-after", "40", "--quiet"])
      try IntegrationTests.run(
        ranks: 1, expecting: 0, ["--resume", run.checkpoint(40), "--quiet"])
      try expectSame(run, resumes: [(31, 4), (40, 1)])
    }

    @Test func `Back to an earlier checkpoint, and through a copied folder`() throws {
      let copy = folder.run("copy")
      try Subject.tool("cp", "-a", whole.path, copy.path)
      let outcome = try IntegrationTests.run(
        ranks: 3, expecting: 0, ["--resume", copy.checkpoint(26), "--quiet"])
      #expect(outcome.stderr.contains("the checkpoints after it, 52, 78, go"), "\(outcome)")
      try expectSame(copy, resumes: [(26, 3)])
    }

    /// Its text is part of the state: the file may become another, or go.
    @Test func `A run keeps the model file it began with`() throws {
      let path = try folder.write("model.yaml", "layers:\n  - linear: 8\n  - linear: 10\n")
      let (whole, stopped) = (folder.run("of-file"), folder.run("of-file-stopped"))
      let recipe = Self.recipe + ["--model", path, "--epochs", "1"]
      try IntegrationTests.run(ranks: 1, expecting: 0, recipe + whole.option)
      try IntegrationTests.run(
        ranks: 2, expecting: 75, recipe + stopped.option + ["--stop-after", "7"])
      try folder.write("model.yaml", "layers:\n  - linear: 10\n")
      let outcome = try IntegrationTests.run(
        ranks: 3, expecting: 0, stopped.option + ["--resume", "latest", "--quiet"])
      #expect(outcome.stderr.contains("model.yaml has changed"), "\(outcome)")
      #expect(try stopped.digest() == whole.digest())
    }

    @Test func `A stop that is never reached, or lies behind`() throws {
      let run = folder.run("stops")
      let recipe = ["--epochs", "1", "--quiet"] + run.option
      let behind = ["--resume", "latest", "--quiet", "--stop-after", "10"] + run.option
      for (options, code, words) in [
        (recipe + ["--stop-after", "20"], 75, nil),
        (behind, 75, "nothing is trained, the checkpoint is of step 20"),
        (["--resume", "latest", "--quiet", "--stop-after", "27"] + run.option, 0, "at step 26"),
      ] as [([String], Int32, String?)] {
        let outcome = try IntegrationTests.run(ranks: 2, expecting: code, options)
        #expect(words.map(outcome.stderr.contains) ?? outcome.messages.isEmpty, "\(outcome)")
      }
    }

    /// What was resumed from may be the first to go.
    @Test func `From a checkpoint that is not kept, and from a copy of one`() throws {
      let (run, own) = (folder.run("kept"), folder.run("own"))
      try Subject.tool("cp", "-a", whole.path, run.path)
      let copy = folder.file("a copy")
      try Subject.tool("cp", "-a", whole.checkpoint(52), copy)
      try runAll([
        Launch(
          ranks: 2, expecting: 0,
          ["--resume", run.path + "/checkpoints/step_00000026", "--keep", "1", "--quiet"]),
        Launch(ranks: 2, expecting: 0, ["--resume", copy, "--quiet"] + own.option),
      ])
      #expect(try run.digest() == whole.digest())
      #expect(run.steps == [78])
      #expect(try own.digest() == whole.digest())
    }

    @Test func `Auto starts, continues, and leaves a finished run as it is`() throws {
      let run = folder.run("auto")
      // A start was killed before it had written its configuration.
      try Subject.tool("mkdir", run.path)
      try folder.write("auto/.config.yaml.new", "data: di")
      let auto = Self.recipe + run.option + ["--resume", "auto"]
      try IntegrationTests.run(ranks: 2, expecting: 75, auto + ["--stop-after", "30"])
      try IntegrationTests.run(ranks: 3, expecting: 0, auto)
      try expectSame(run, resumes: [(30, 3)])
      try IntegrationTests.run(ranks: 2, expecting: 0, auto)
      #expect(try run.digest() == whole.digest())
    }

    /// What a loss is compared with lies before the resume. The first stop is five steps before a
    /// spike that a person is told of, the second 43 before one that is only counted.
    @Test func `Spikes of the loss`() throws {
      let recipe = [
        "--logical-ranks", "4", "--threads", "1", "--batch-size", "16", "--lr", "0.003", "--steps",
        "2500", "--log-every", "100000", "--eval-every", "100000st", "--quiet",
      ]
      func warnings(_ outcome: Outcome) -> [Substring] {
        outcome.stderr.split(separator: "\n").filter { $0.contains("the loss jumped") }
      }
      func spikes(_ run: RunFolder) throws -> [[String]] {
        try run.metrics("step").filter { $0.object["spike"] != nil }.map {
          [try $0.literal("step"), try $0.literal("loss"), try $0.literal("spike")]
        }
      }
      let (calm, run) = (folder.run("calm"), folder.run("spikes"))
      let expected = warnings(
        try IntegrationTests.run(ranks: 2, expecting: 0, recipe + calm.option))
      let found = try [
        (ranks: 3, stop: 1400), (ranks: 1, stop: 1965), (ranks: 2, stop: 2500),
      ].flatMap { ranks, stop in
        warnings(
          try IntegrationTests.run(
            ranks: ranks, expecting: stop == 2500 ? 0 : 75,
            recipe + run.option + ["--resume", "auto", "--stop-after", "\(stop)"]))
      }
      let steps = try spikes(calm).compactMap(\.first)
      #expect(steps.contains("1405") && steps.contains("2008"), "\(steps)")
      #expect(try spikes(run) == spikes(calm))
      #expect(expected.count == 2 && found == expected, "\(found)")
    }

    @Test func `More epochs are a free choice, a batch size is not`() throws {
      let constant = Self.recipe.map { $0 == "cosine" ? "constant" : $0 }
      let (long, short) = (folder.run("long"), folder.run("short"))
      try IntegrationTests.run(ranks: 2, expecting: 0, constant + long.option)
      let two = constant.map { $0 == "3" ? "2" : $0 }
      try IntegrationTests.run(ranks: 3, expecting: 0, two + short.option)
      let changes = [
        ("--batch-size", "32"), ("--lr", "0.01"), ("--seed", "1"), ("--optimizer", "sgd"),
        ("--logical-ranks", "2"), ("--model", "mlp:32"), ("--data", "diabetes"),
        ("--threads", "2"), ("--schedule", "linear"),
      ]
      let outcomes = try runAll(
        changes.map {
          Launch(ranks: 2, expecting: 64, short.option + ["--resume", "latest", $0.0, $0.1])
        })
      for (change, outcome) in zip(changes, outcomes) {
        #expect(outcome.messages.count == 1, "\(outcome)")
        #expect(outcome.messages.first?.contains(change.0.dropFirst(2)) == true, "\(outcome)")
      }
      try IntegrationTests.run(
        ranks: 1, expecting: 0,
        short.option + ["--resume", "latest", "--epochs", "3", "--quiet"])
      #expect(try short.digest() == long.digest())
    }
  }
}
