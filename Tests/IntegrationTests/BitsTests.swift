import Foundation
import Testing

extension Integration {
  /// The number of ranks is no part of the arithmetic: equal files on any of them.
  @Suite struct BitsTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Trains two epochs of the digits each; returns the digests of all that the arithmetic made.
    private func train(_ cases: [(ranks: Int, options: String)]) throws -> [[String: String]] {
      let runs = cases.map { _ in folder.run(UUID().uuidString) }
      try runAll(
        zip(cases, runs).map { start, run in
          let options = start.options.split(separator: " ").map(String.init)
          return Launch(
            ranks: start.ranks, expecting: 0,
            ["--threads", "1", "--epochs", "2", "--quiet"] + run.option + options)
        })
      return try runs.map { run in
        var digests = try run.checkpointDigests()
        try #require(run.steps.count == 2, "a checkpoint an epoch")
        digests["model"] = try run.digest()
        return digests
      }
    }

    @Test(
      arguments: [
        "--optimizer adam", "--optimizer momentum --clip-norm 0.5",
        "--optimizer adamw --elastic-net 0.001,0.5 --clip-value 0.01",
        "--model cnn --clip-norm 0.5", "--model resnet:20",
      ])
    func `Ranks change no bit`(options: String) throws {
      let tree = options + " --logical-ranks 8"
      let results = try train([1, 2, 3, 4, 5, 6, 8].map { ($0, tree) })
      for (result, ranks) in zip(results, [1, 2, 3, 4, 5, 6, 8]) {
        #expect(result == results[0], "\(ranks) ranks")
      }
      // What is compared depends on what it should depend on.
      for other in try train([(2, tree + " --seed 1"), (2, tree + " --lr 0.002")]) {
        #expect(other["model"] != results[0]["model"])
      }
    }

    /// Running statistics are reduced, saved and resumed as weights are, clipped or not.
    @Test(arguments: [[], ["--clip-norm", "0.5"]]) func `Batch norm goes on after a resume`(
      clipping: [String]
    ) throws {
      let (whole, stopped) = (folder.run("whole"), folder.run("stopped"))
      let recipe =
        clipping + [
          "--model", "resnet:20", "--logical-ranks", "4", "--threads", "1", "--steps", "12",
          "--quiet",
        ]
      try IntegrationTests.run(ranks: 1, expecting: 0, recipe + whole.option)
      try IntegrationTests.run(
        ranks: 4, expecting: 75, recipe + ["--stop-after", "5"] + stopped.option)
      try IntegrationTests.run(
        ranks: 2, expecting: 0, ["--resume", "latest", "--quiet"] + stopped.option)
      #expect(try stopped.digest() == whole.digest())
    }

    @Test func `Clipping and penalties are part of the arithmetic`() throws {
      let recipes = [
        "", "--clip-norm 0.5", "--clip-value 0.01", "--l1 0.001", "--l2 0.001",
        "--elastic-net 0.001,0.5", "--weight-decay 0.1", "--weight-decay 0.1 --decay-exclude bias",
      ]
      var seen: [String: String] = [:]
      for (recipe, result) in zip(recipes, try train(recipes.map { (2, $0) })) {
        let digest = try #require(result["model"])
        #expect(seen[digest] == nil, "'\(recipe)' did what '\(seen[digest] ?? "")' did")
        seen[digest] = recipe
      }
    }

    @Test func `Groups of logical ranks are another tree, on any ranks`() throws {
      var models: [String: String] = [:]
      for shape in ["6", "2x3", "8", "2x4"] {
        let results = try train([1, 2, 5].map { ($0, "--logical-ranks \(shape)") })
        #expect(Set(results).count == 1, "\(shape)")
        models[shape] = results[0]["model"]
      }
      #expect(models["2x3"] != models["6"], "pairs in threes are another order of additions")
      #expect(models["2x4"] == models["8"], "pairs in fours are the same order")
    }

    @Test func `Without the option there is a leaf a rank`() throws {
      let own = try train([1, 3, 5].map { ($0, "") })
      #expect(try own == train([1, 3, 5].map { (2, "--logical-ranks \($0)") }))
      #expect(Set(own).count == 3)
    }

    @Test func `Accumulation equals more logical ranks`() throws {
      let results = try train(
        [(2, "--logical-ranks 8")]
          + [1, 3, 4].map { ($0, "--logical-ranks 4 --accumulate 2") })
      for result in results {
        for (name, digest) in results[0] where !name.hasSuffix("state.json") {
          #expect(result[name] == digest, "\(name)")
        }
      }
    }

    @Test func `Threads are part of the run, ranks are not`() throws {
      let results = try train([1, 2, 3].map { ($0, "--logical-ranks 4 --threads 2") })
      #expect(Set(results).count == 1)
    }
  }
}
