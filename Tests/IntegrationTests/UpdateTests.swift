import Foundation
import Testing

extension Integration {
  /// Every optimizer, and what happens around it, by whatever ranks, stopped or not.
  @Suite struct UpdateTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private static let recipe = [
      "--logical-ranks", "8", "--threads", "1", "--steps", "12", "--quiet", "--log-every", "1",
    ]

    /// Limits, noise, groups and the mean together. (Rows of 64 elements are shorter than a block,
    /// those of the last case longer.)
    private static let around =
      "--gradient-noise 0.001 --max-norm 0.6 --ema --ema-decay 0.9 --weight-decay 0.01 "
      + "--param-group 0.*:lr-factor=0.5,weight-decay=0.1 --freeze 2.bias"

    /// After one step of Adam m = (1 − β₁)·g and v = (1 − β₂)·g², element by element: whatever
    /// pieces an update goes in, each element has its own state.
    @Test func `Every element has its own state`() throws {
      let run = folder.run("run")
      try IntegrationTests.run(
        ranks: 3, expecting: 0,
        ["--model", "mlp:300", "--optimizer", "adam", "--steps", "1", "--quiet"] + run.option)
      let state = try Weights(run.checkpoint(1) + "/optimizer.safetensors")
      for name in ["0.weight", "0.bias", "2.weight", "2.bias"] {
        let first = try #require(state.tensors["exp_avg." + name]).values
        let second = try #require(state.tensors["exp_avg_sq." + name]).values
        let expected = first.map { $0 * 10 * $0 * 10 / 1000 }
        #expect(norm(difference(second, expected)) < 1e-5 * norm(expected), "\(name)")
      }
      let parts = try #require(state.tensors["exp_avg.0.weight"]).values
      for start in stride(from: 0, to: parts.count, by: 512) {
        #expect(norm(parts[start..<min(start + 512, parts.count)]) > 0, "from \(start)")
      }
    }

    /// One number of one gradient, of whichever leaf, first or last in memory.
    @Test(arguments: [(0, 3), (5, 22), (0, 60)])
    func `A gradient that is not finite skips its step on all ranks`(
      feature: Int, row: Int
    ) throws {
      var lines = ["a,b,c,d,e,f,y"]
      for index in 0..<64 {
        var values = (0..<6).map { Double((index * 7 + $0 * 5) % 13) / 13 }
        if index == row { values[feature] = 1e30 }
        lines.append((values + [1]).map { "\($0)" }.joined(separator: ","))
      }
      let data = try folder.write("data.csv", lines.joined(separator: "\n") + "\n")
      let runs = try [1, 2, 3].map { ranks in
        let run = folder.run("\(ranks)")
        let result = try IntegrationTests.run(
          ranks: ranks, expecting: 0,
          ["--data", data, "--target", "y", "--model", "linear", "--optimizer", "sgd"]
            + ["--batch-size", "8", "--epochs", "1", "--val-fraction", "0", "--logical-ranks", "4"]
            + ["--threads", "1", "--log-every", "1"] + run.option)
        #expect(result.description.contains("a gradient is not finite; the update was skipped"))
        let steps = try run.metrics("step")
        #expect(steps.count == 8)
        #expect(steps.count { $0.object["skipped"] as? Bool == true } == 1)
        return run
      }
      #expect(try Set(runs.map { try $0.digest() }).count == 1)
    }

    @Test(
      arguments: [
        "sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "amsgrad",
        "adamw", "adamax", "nadam", "radam", "rprop --batch-size full", "lion", "lamb", "lars",
        "adam --clip-agc 0.01 " + around, "lamb --clip-norm 0.1 " + around,
        "lars --clip-agc 0.01 " + around,
        "sgd --model mlp:4 --data synthetic-regression:"
          + "features=5000,samples=64 --clip-agc 0.01 --max-norm 0.6 --lr 0.1",
      ])
    func `Neither ranks nor a stop change a bit`(options: String) throws {
      let words = ["--optimizer"] + options.split(separator: " ").map(String.init) + Self.recipe
      let runs = [1, 2, 3, 8].map { ($0, folder.run("on-\($0)")) }
      let stopped = folder.run("stopped")
      try runAll(
        runs.map { Launch(ranks: $0, expecting: 0, words + $1.option) }
          + [Launch(ranks: 3, expecting: 75, words + stopped.option + ["--stop-after", "5"])])
      try IntegrationTests.run(
        ranks: 2, expecting: 0, stopped.option + ["--resume", "latest", "--quiet"])
      for run in runs.map(\.1) + [stopped] {
        #expect(try run.digest() == runs[0].1.digest(), "\(run.path)")
        #expect(
          try run.checkpointDigests()["12/optimizer.safetensors"]
            == runs[0].1.checkpointDigests()["12/optimizer.safetensors"])
      }
    }

    @Test func `Each is part of the arithmetic`() throws {
      let recipes = [
        "", "--clip-agc 0.001", "--max-norm 0.5", "--gradient-noise 0.1", "--freeze 0.*",
        "--freeze 2.*", "--param-group 0.*:lr-factor=0.5", "--param-group *:weight-decay=0.1",
        "--param-group 0.*:weight-decay=0.1",
      ]
      let runs = recipes.indices.map { folder.run("recipe-\($0)") }
      try runAll(
        zip(recipes, runs).map {
          Launch(
            ranks: 2, expecting: 0,
            Self.recipe + $1.option + $0.split(separator: " ").map(String.init))
        })
      #expect(try Set(runs.map { try $0.digest() }).count == recipes.count)
    }

    @Test func `Frozen weights stay, and so does their mean`() throws {
      let runs = ["1", "9"].map { (steps: $0, run: folder.run("frozen-\($0)")) }
      try runAll(
        runs.map {
          Launch(
            ranks: 2, expecting: 0,
            Self.recipe + $0.run.option + ["--freeze", "*", "--ema", "--steps", $0.steps])
        })
      let first = try runs[0].run.digest()
      for (_, run) in runs {
        #expect(try run.digest() == first)
        #expect(try run.digest("ema.safetensors") == first)
      }
      let norms = try runs[1].run.metrics("step").map { try $0.number("grad_norm") }
      #expect(norms == norms.map { _ in 0 }, "frozen weights have no gradient")
    }

    @Test func `The mean is evaluated beside the weights, and decides nothing`() throws {
      let (plain, averaged) = (folder.run("plain"), folder.run("averaged"))
      try runAll([
        Launch(ranks: 2, expecting: 0, Self.recipe + plain.option + ["--steps", "60"]),
        Launch(
          ranks: 3, expecting: 0,
          Self.recipe + averaged.option + ["--steps", "60", "--ema", "--ema-decay", "0.8"]),
      ])
      #expect(try averaged.digest() == plain.digest())
      #expect(try averaged.metrics("eval").map(\.line) == plain.metrics("eval").map(\.line))
      #expect(try averaged.digest("ema.safetensors") != averaged.digest())
      #expect(!plain.entries().contains("ema.safetensors"))
      let (means, own) = (try averaged.metrics("eval-ema"), try averaged.metrics("eval"))
      #expect(means.map(\.step) == own.map(\.step) && !means.isEmpty)
      for (mean, own) in zip(means, own) {
        let (behind, ahead) = (try mean.number("loss"), try own.number("loss"))
        // While the loss falls, the mean lags, but it has left the start.
        #expect(behind > ahead && behind < 2.3)
      }
    }

    @Test func `Bad input`() throws {
      try Refusal.expect([
        Refusal(["--freeze", "head.*"], 64, "head.*", "0.weight"),
        Refusal(["--param-group", "0.*:rate=1"], 64, "param-group", "rate"),
        Refusal(["--param-group", "0.*:lr-factor=abc"], 64, "lr-factor 'abc'", "a number"),
        Refusal(["--clip-agc", "0.1", "--clip-norm", "1"], 64, "clip-agc", "clip-norm"),
        Refusal(["--ema-decay", "1"], 64, "ema-decay", "1"),
        Refusal(["--optimizer", "rprop", "--etas", "0.5,0.9"], 64, "etas: 0.5,0.9"),
        Refusal(["--optimizer", "lars", "--trust-coefficient", "0"], 64, "trust-coefficient"),
        Refusal(["--optimizer", "lion", "--eps", "1e-8"], 64, "eps", "lion"),
      ])
    }

    /// A list in the file is a list of groups, and what is printed reads back.
    @Test func `Groups from a file`() throws {
      let file = try folder.write(
        "groups.yaml",
        "param-group:\n  - '0.*:lr-factor=0.5,weight-decay=0.1'\n  - '2.bias:freeze=true'\n"
          + "freeze: ['0.bias']\n")
      let (listed, given) = (folder.run("listed"), folder.run("given"))
      try runAll([
        Launch(ranks: 2, expecting: 0, Self.recipe + listed.option + ["--config", file]),
        Launch(
          ranks: 2, expecting: 0,
          Self.recipe + given.option + [
            "--param-group", "0.*:lr-factor=0.5,weight-decay=0.1", "--param-group",
            "2.bias:freeze=true", "--freeze", "0.bias",
          ]),
      ])
      #expect(try listed.digest() == given.digest())
      #expect(try listed.digest("config.yaml") == given.digest("config.yaml"))
      try IntegrationTests.run(
        ranks: 1, expecting: 0,
        ["--config", listed.path + "/config.yaml", "--quiet"] + folder.run("again").option)
      #expect(try folder.run("again").digest() == given.digest())
    }
  }
}
