import Glibc
import Testing

extension Integration {
  /// Signals, stopped ranks and killed ranks, in the middle of a long run.
  @Suite struct SignalTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    static let recipe = [
      "--logical-ranks", "3", "--threads", "1", "--steps", "100000000", "--eval-every",
      "100000000st", "--checkpoint-every", "500st", "--quiet",
    ]

    /// A run of three ranks that has logged some steps.
    private func start(_ run: RunFolder, _ options: String...) throws -> Job {
      let job = try Job(ranks: 3, Self.recipe + run.option + options)
      try job.wait { run.entries().contains("latest") }
      try #require(job.ranks.compactMap(\.rank).sorted() == [0, 1, 2])
      return job
    }

    private func rank(_ rank: Int, of job: Job) throws -> pid_t {
      try #require(job.ranks.first { $0.rank == rank }).id
    }

    @Test func `What was interrupted ends like one that never was`() throws {
      // A signal to mpirun saves and ends.
      var runs: [RunFolder] = []
      for signal in [SIGUSR1, SIGUSR2] {
        let run = folder.run("signal-\(signal)")
        let job = try start(run)
        job.signalLauncher(signal)
        let outcome = try job.finish(timeout: 20)
        #expect(outcome.code == 75, "\(outcome)")
        let end = try #require(try run.metrics("end").last)
        #expect(try end.text("reason") == "signal")
        #expect(run.steps.max() == end.step, "saved at its last step")
        runs.append(run)
      }
      // A killed rank ends the job; the last checkpoint stays.
      for rank in [0, 2] {
        let run = folder.run("killed-\(rank)")
        let job = try start(run)
        kill(try self.rank(rank, of: job), SIGKILL)
        let outcome = try job.finish(timeout: 20)
        #expect(outcome.code == 137, "\(outcome)")
        runs.append(run)
      }
      let end = ["--steps", "\((runs.flatMap(\.steps).max() ?? 0) + 300)"]
      let whole = folder.run("whole")
      try runAll(
        [Launch(ranks: 1, expecting: 0, Self.recipe + whole.option + end)]
          + runs.map {
            Launch(ranks: 2, expecting: 0, $0.option + ["--resume", "latest", "--quiet"] + end)
          })
      for run in runs {
        #expect(try run.digest() == whole.digest())
        let state = "latest/optimizer.safetensors"
        #expect(try run.digest(state) == whole.digest(state))
      }
    }

    /// Slurm without `B:` signals only some ranks; `scancel` sends TERM.
    @Test(arguments: [(SIGUSR1, 2), (SIGTERM, 1), (SIGUSR2, 0)])
    func `A signal to one rank stops all`(signal: Int32, to rank: Int) throws {
      let run = folder.run("run")
      let job = try start(run)
      kill(try self.rank(rank, of: job), signal)
      let outcome = try job.finish(timeout: 10)
      #expect(outcome.code == 75, "\(outcome)")
      #expect(try run.metrics("end").last?.text("reason") == "signal")
    }

    @Test func `A stopped rank is named`() throws {
      let stopped = try (0..<3).map { rank in
        let job = try start(folder.run("run-\(rank)"), "--hang-timeout", "2")
        let process = try self.rank(rank, of: job)
        kill(process, SIGSTOP)
        return (rank: rank, process: process, job: job)
      }
      for (rank, process, job) in stopped {
        let outcome = try job.finish(timeout: 15)
        #expect(outcome.code == 74, "\(outcome)")
        #expect(!outcome.messages.isEmpty, "\(outcome)")
        for message in outcome.messages {
          #expect(message.contains("rank \(rank) (process \(process))"), "\(outcome)")
          for other in 0..<3 where other != rank {
            #expect(!message.contains("rank \(other) (process"), "only who is waited for")
          }
        }
      }
    }

    @Test func `A paused rank that comes back costs nothing`() throws {
      let run = folder.run("run")
      let job = try start(run, "--hang-timeout", "10")
      let process = try rank(1, of: job)
      kill(process, SIGSTOP)
      sleep(1)
      kill(process, SIGCONT)
      let step = try #require(run.steps.max())
      try job.wait { run.steps.max() ?? 0 > step + 500 }
      job.signalLauncher(SIGUSR1)
      let outcome = try job.finish(timeout: 60)
      #expect(outcome.code == 75, "\(outcome)")
    }
  }
}
