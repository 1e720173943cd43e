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
