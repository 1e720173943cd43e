import Foundation
import Testing

extension Integration {
  /// Ranks that stop or spin: ended with 74 in seconds, and named. `Tests/Hosts/faults` does the
  /// same a hundred times.
  @Suite struct HangTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder(isOnDisk: true) }

    static let recipe = [
      "--logical-ranks", "4", "--threads", "1", "--steps", "100000", "--eval-every", "20000st",
      "--checkpoint-every", "500st", "--quiet", "--hang-timeout", "3",
    ]

    /// A library that makes a rank spin at SIGURG.
    private func spinner() throws -> String {
      let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Hosts/spin.c").path
      let library = folder.file("spin.so")
      try Subject.tool("cc", "-shared", "-fPIC", "-o", library, source)
      return library
    }

    private func process(_ rank: Int, of job: Job) throws -> pid_t {
      try #require(job.ranks.first { $0.rank == rank }).id
    }

    private func expectNamed(
      _ rank: Int, _ process: pid_t, by outcome: Outcome,
      at place: SourceLocation = #_sourceLocation
    ) {
      #expect(outcome.code == 74, "\(outcome)", sourceLocation: place)
      let named = outcome.messages.filter { $0.contains("(process ") }
      #expect(!named.isEmpty, "\(outcome)", sourceLocation: place)
      for message in named {
        #expect(
          message.contains("rank \(rank) (process \(process))"), "\(outcome)", sourceLocation: place
        )
        #expect(
          message.components(separatedBy: "(process ").count == 2, "nobody else: \(outcome)",
          sourceLocation: place)
      }
    }

    @Test func `A spinning rank is named`() throws {
      let run = folder.run("run")
      let job = try Job(
        ranks: 3, Self.recipe + run.option, environment: ["LD_PRELOAD": try spinner()])
      try job.wait { run.entries().contains("latest") }
      let process = try process(2, of: job)
      kill(process, SIGURG)
      let outcome = try job.finish(timeout: 20)
      expectNamed(2, process, by: outcome)
      #expect(!outcome.stderr.contains("is stopped"))
    }

    @Test func `A rank that stops before the first step is named`() throws {
      let run = folder.run("run")
      let job = try Job(
        ranks: 3, Self.recipe + run.option + ["--data", "synthetic-regression:samples=2000000"])
      // It is decoding data, and the others will wait for it in a collective call.
      try job.wait { job.ranks.count == 3 }
      usleep(400_000)
      let process = try process(1, of: job)
      kill(process, SIGSTOP)
      try #require(!run.entries().contains("latest"))
      let outcome = try job.finish(timeout: 20)
      #expect(outcome.code == 74, "\(outcome)")
    }

    /// As `scontrol suspend` does it: the time all stood still is nobody's fault, though the step
    /// that was under way takes longer than a look.
    @Test func `A suspended job goes on`() throws {
      let run = folder.run("run")
      let job = try Job(
        ranks: 2,
        [
          "--model", "mlp:4096,2048", "--batch-size", "full", "--threads", "1", "--steps", "1000",
          "--eval-every", "1000st", "--checkpoint-every", "2st", "--quiet", "--hang-timeout", "3",
        ] + run.option)
      try job.wait { run.entries().contains("latest") }
      let ranks = job.ranks
      for rank in ranks { kill(rank.id, SIGSTOP) }
      sleep(5)
      // Who is back looks at who is not yet.
      for rank in ranks {
        kill(rank.id, SIGCONT)
        usleep(800_000)
      }
      for rank in ranks { kill(rank.id, SIGUSR1) }
      let outcome = try job.finish(timeout: 30)
      #expect(outcome.code == 75, "\(outcome)")
    }

    /// On a core that something else takes most of.
    @Test func `A slow rank is named`() throws {
      let run = folder.run("run")
      let job = try Job(
        ranks: 3,
        ["--model", "mlp:512,512", "--batch-size", "96", "--threads", "1", "--steps", "1000000"]
          + ["--checkpoint-every", "10st", "--eval-every", "1000000st", "--quiet"] + run.option)
      try job.wait { run.entries().contains("latest") }
      let process = try process(1, of: job)
      try job.wait {
        kill(process, SIGSTOP)
        usleep(60_000)
        kill(process, SIGCONT)
        usleep(20_000)
        return job.stderr.contains("keeps the others waiting")
      }
      for rank in job.ranks { kill(rank.id, SIGUSR1) }
      let outcome = try job.finish(timeout: 20)
      #expect(outcome.code == 75, "\(outcome)")
      #expect(outcome.stderr.contains("rank 1 on "), "\(outcome)")
      let lines = try run.metrics("straggler")
      #expect(lines.count == 1 && lines.first?.object["rank"] as? Int == 1, "\(lines)")
      let line = try #require(lines.first)
      #expect(try line.number("compute_ms") > 1.5 * line.number("median_compute_ms"))
      #expect(try line.number("median_wait_ms") > 0 && line.number("wait_ms") >= 0)
    }

    @Test(.enabled(if: Hosts.arePermitted, "namespaces are not permitted here: one host only"))
    func `A stopped rank of another host is named`() throws {
      let hosts = try Hosts([2, 2])
      for rank in [0, 3] {
        let run = folder.run("run-\(rank)")
        let job = try Job(ranks: 4, Self.recipe + run.option, prefix: hosts.prefix)
        try job.wait { run.entries().contains("latest") }
        let process = try process(rank, of: job)
        kill(process, SIGSTOP)
        let outcome = try job.finish(timeout: 20)
        expectNamed(rank, process, by: outcome)
        #expect(outcome.stderr.contains("waits for another host"), "\(outcome)")
      }
    }
  }
}
