import Testing

extension Integration {
  @Suite struct LossTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Classes are one-hot values to the losses of values; the bits are those of any rank count.
    @Test(arguments: ["hinge", "kl", "bce", "half-mse", "mae", "huber:delta=0.5", "smooth-l1"])
    func `Every loss learns the digits`(loss: String) throws {
      let digests = try [1, 3].map { ranks in
        let run = folder.run("\(ranks)")
        try IntegrationTests.run(
          ranks: ranks, expecting: 0,
          ["--loss", loss, "--epochs", "3", "--logical-ranks", "4", "--threads", "1"] + run.option)
        #expect(try #require(run.metrics("eval").last).number("accuracy") > 0.5)
        return try run.digest()
      }
      #expect(digests[0] == digests[1])
    }

    /// A batch of ignored classes alone has no gradient, and no 0/0.
    @Test func `Batches without weight`() throws {
      let run = folder.run("run")
      try IntegrationTests.run(
        ranks: 2, expecting: 0,
        ["--class-weights", "0,0,0,0,0,0,0,0,1,1", "--batch-size", "2", "--steps", "60"]
          + run.option)
      #expect(try #require(run.metrics("eval").last).number("loss") < 3)
    }

    @Test func `Figures of a regression`() throws {
      let run = folder.run("run")
      try IntegrationTests.run(
        ranks: 2, expecting: 0,
        ["--data", "diabetes", "--standardize", "--lr", "1", "--epochs", "100"] + run.option)
      let last = try #require(run.metrics("eval").last)
      let (loss, rmse) = (try last.number("loss"), try last.number("rmse"))
      #expect(abs(loss.squareRoot() - rmse) < 1e-4 * rmse)
      #expect(try last.number("mae") < rmse)
      #expect(try (0.2..<1).contains(last.number("r2")))
      try Refusal.expect([Refusal(["evaluate", run.path, "--per-class"], 64, "no classes")])
    }
  }
}
