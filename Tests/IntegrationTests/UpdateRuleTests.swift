import Foundation
import Testing

extension Integration {
  /// What one step does to the weights, from the files before and after it.
  @Suite struct UpdateRuleTests {
    /// Rows of 5000 elements, which are two blocks each, and of 4.
    private static let recipe = [
      "--data", "synthetic-regression:features=5000,samples=64", "--model", "mlp:4",
      "--batch-size", "full", "--logical-ranks", "4", "--threads", "1", "--quiet",
      "--checkpoint-every", "1st", "--keep", "100",
    ]
    let folder: TemporaryFolder
    let start: Weights
    let names: [String]

    init() throws {
      folder = try TemporaryFolder()
      let run = folder.run("start")
      let frozen = try IntegrationTests.run(
        ranks: 1, expecting: 0, Self.recipe + run.option + ["--steps", "1", "--freeze", "*"])
      #expect(frozen.stderr.contains("nothing is trained"), "\(frozen)")
      start = try Weights(run.model)
      names = start.tensors.keys.sorted()
      try #require(names == ["0.bias", "0.weight", "2.bias", "2.weight"])
      try #require(start.tensors["0.weight"]?.shape == [4, 5000])
    }

    private func train(_ name: String, steps: Int = 1, _ options: String...) throws -> RunFolder {
      let run = folder.run(name)
      try IntegrationTests.run(
        ranks: 3, expecting: 0, Self.recipe + run.option + ["--steps", "\(steps)"] + options)
      return run
    }

    /// LARS moves a tensor by rate · trust · its norm, LAMB by rate · its norm.
    @Test func `Trust ratios are a tensor's`() throws {
      let lars = try Weights(
        train("lars", "--optimizer", "lars", "--lr", "10", "--momentum", "0").model)
      let lamb = try Weights(train("lamb", "--optimizer", "lamb", "--lr", "0.02").model)
      for name in names {
        let before = try #require(start.tensors[name]).values
        for (after, share) in [(lars, 0.01), (lamb, 0.02)] {
          let moved = norm(difference(try #require(after.tensors[name]).values, before))
          #expect(abs(moved / norm(before) - share) < 1e-4 * share, "\(name) \(share)")
        }
      }
    }

    @Test func `Adaptive clipping holds each unit's gradient`() throws {
      let rate = 0.5
      let plain = try Weights(train("plain", "--optimizer", "sgd", "--lr", "\(rate)").model)
      let clipped = try Weights(
        train("agc", "--optimizer", "sgd", "--lr", "\(rate)", "--clip-agc", "0.003").model)
      var held = 0
      for name in names {
        let units = try zip(start.units(name), zip(plain.units(name), clipped.units(name)))
        for (before, (free, limited)) in units {
          let gradient = norm(difference(free, before)) / rate
          let most = 0.003 * max(norm(before), 1e-3)
          held += gradient > most ? 1 : 0
          let found = norm(difference(limited, before)) / rate
          #expect(abs(found - min(gradient, most)) < 1e-3 * gradient, "\(name)")
        }
      }
      #expect(held > 0 && held < 10, "\(held) of 10 units clipped")
    }

    @Test func `Rows keep to the maximum norm`() throws {
      let free = try Weights(train("free", steps: 3, "--lr", "0.01").model)
      let held = try Weights(train("held", steps: 3, "--lr", "0.01", "--max-norm", "0.7").model)
      for name in ["0.weight", "2.weight"] {
        #expect(try held.units(name).allSatisfy { norm($0) <= 0.7 * (1 + 1e-6) })
      }
      #expect(try held.units("0.weight").contains { abs(norm($0) - 0.7) < 1e-6 })
      #expect(try free.units("0.weight").contains { norm($0) > 0.71 })
    }

    @Test func `Groups have rates and decays of their own`() throws {
      let plain = try Weights(train("plain", "--optimizer", "sgd", "--lr", "0.5").model)
      let grouped = try Weights(
        train(
          "groups", "--optimizer", "sgd", "--lr", "0.5", "--param-group",
          "0.*:lr-factor=0.5", "--param-group", "2.*:weight-decay=0.5", "--freeze", "2.bias"
        ).model)
      for name in names {
        let before = try #require(start.tensors[name]).values
        let free = difference(try #require(plain.tensors[name]).values, before)
        let own = difference(try #require(grouped.tensors[name]).values, before)
        let expected =
          switch name {
          case "2.bias": free.map { _ in Float(0) }
          case "2.weight": zip(free, before).map { $0 - 0.25 * $1 }
          default: free.map { $0 / 2 }
          }
        #expect(norm(difference(own, expected)) <= 1e-4 * norm(free), "\(name)")
      }
    }

    @Test func `The running mean follows the weights`() throws {
      let run = try train("mean", steps: 4, "--lr", "0.01", "--ema", "--ema-decay", "0.75")
      for name in names {
        var mean: [Double] = []
        for step in 1...4 {
          let path = run.checkpoint(step)
          let weights = try #require(Weights(path + "/model.safetensors").tensors[name]).values
          mean =
            step == 1
            ? weights.map(Double.init)
            : zip(mean, weights).map { 0.75 * $0 + 0.25 * Double($1) }
          let saved = try #require(Weights(path + "/optimizer.safetensors").tensors["ema." + name])
          let error = difference(saved.values, mean.map { Float($0) })
          #expect(norm(error) <= 1e-6 * norm(saved.values), "\(name), step \(step)")
        }
        let final = try Weights(run.path + "/ema.safetensors").tensors[name]?.values
        #expect(final.map { norm(difference($0, mean.map { Float($0) })) < 1e-6 } == true)
      }
      let evaluated = try IntegrationTests.run(
        ranks: 2, expecting: 0, ["evaluate", run.path, "--json", "--ema"])
      let line = try #require(try run.metrics("eval-ema").last?.line)
      #expect(evaluated.stdout.hasPrefix(line.replacing("eval-ema", with: "eval")), "\(evaluated)")
      // The last checkpoint's mean is the result's.
      let kept = try IntegrationTests.run(
        ranks: 1, expecting: 0, ["evaluate", run.checkpoint(4), "--json", "--ema"])
      #expect(kept.stdout == evaluated.stdout)
      let earlier = try IntegrationTests.run(
        ranks: 1, expecting: 0, ["evaluate", run.checkpoint(2), "--json", "--ema"])
      #expect(earlier.stdout != evaluated.stdout)
      let without = try train("without", steps: 1)
      try Refusal.expect([
        Refusal(["evaluate", without.path, "--ema"], 64, "ema", "no running mean")
      ])
    }
  }
}
