import Foundation
import Testing

extension Integration {
  /// Batches that do not divide evenly, and data whose statistics are computed by all ranks.
  @Suite struct BatchTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    struct Recipe: CustomTestStringConvertible {
      let options: String
      let steps: Int
      var testDescription: String { options }
    }

    /// The digits have 1,618 training samples.
    @Test(
      arguments: [
        Recipe(options: "--batch-size 37 --epochs 2", steps: 88),
        Recipe(options: "--batch-size 1 --steps 7", steps: 7),
        Recipe(options: "--batch-size 2 --steps 20", steps: 20),
        Recipe(options: "--batch-size full --epochs 3", steps: 3),
        Recipe(options: "--batch-size 64 --epochs 2", steps: 52),
        Recipe(options: "--batch-size 64 --epochs 2 --drop-last", steps: 50),
        Recipe(options: "--batch-size 809 --epochs 2 --no-shuffle", steps: 4),
        Recipe(options: "--batch-size 1616 --epochs 2 --drop-last", steps: 2),
      ])
    func `Uneven batches`(recipe: Recipe) throws {
      let runs = try train(
        ranks: [1, 3, 5], "--logical-ranks 5 --log-every 1 " + recipe.options)
      for run in runs {
        #expect(try run.digest() == runs[0].digest())
        #expect(try run.metrics("end").last?.step == recipe.steps)
        let lines = try run.metrics("step")
        #expect(lines.map(\.step) == Array(1...recipe.steps))
        #expect(try lines.allSatisfy { try $0.number("loss") > 0 })
      }
    }

    /// The same on each number of ranks.
    private func train(ranks: [Int], _ options: String) throws -> [RunFolder] {
      let runs = ranks.map { _ in folder.run(UUID().uuidString) }
      let words = options.split(separator: " ").map(String.init)
      try runAll(
        zip(ranks, runs).map {
          Launch(ranks: $0, expecting: 0, ["--threads", "1", "--quiet"] + words + $1.option)
        })
      return runs
    }

    @Test func `Dropping the last batch matters`() throws {
      let kept = try train(ranks: [2], "--steps 60")[0]
      let dropped = try train(ranks: [2], "--steps 60 --drop-last")[0]
      #expect(try kept.digest() != dropped.digest())
    }

    @Test func `A batch larger than the data is clamped, and says so`() throws {
      let (large, full) = (folder.run("large"), folder.run("full"))
      let outcome = try IntegrationTests.run(
        ranks: 2, expecting: 0, ["--batch-size", "5000", "--epochs", "2"] + large.option)
      #expect(outcome.stderr.contains("5000 clamped to the 1618"), "\(outcome)")
      try IntegrationTests.run(
        ranks: 2, expecting: 0, ["--batch-size", "full", "--epochs", "2"] + full.option)
      #expect(try large.digest() == full.digest())
    }

    @Test(
      arguments: [
        "--data diabetes --standardize", "--data diabetes --standardize --model mlp:16",
        "--data synthetic-regression:features=8,samples=999 --optimizer nesterov --lr 0.01",
      ])
    func `Regression and statistics of the data`(options: String) throws {
      let runs = try train(ranks: [1, 2, 3, 7], "--logical-ranks 3 --epochs 3 " + options)
      for run in runs {
        #expect(try run.checkpointDigests() == runs[0].checkpointDigests())
        let losses = try run.metrics("eval").map { try $0.number("loss") }
        #expect(try #require(losses.last) < losses[0], "it learns")
      }
    }
  }
}
