import Glibc
import Testing

extension Integration {
  /// Full disks, two jobs on one run, and the end of the job's time.
  @Suite struct StorageTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private static let recipe = [
      "--logical-ranks", "2", "--threads", "1", "--epochs", "4", "--val-fraction", "0",
    ]

    /// In a mount namespace of its own, with a disk at the run's folder.
    /// - Parameter disk: options of tmpfs.
    private func run(disk: String, expecting code: Int32, _ options: String...) throws -> Outcome {
      try IntegrationTests.run(
        ranks: 2, expecting: code, Self.recipe + ["--run", folder.path + "/disk/run"] + options,
        prefix: [
          "unshare", "-m", "sh", "-c",
          "mkdir -p '\(folder.path)/disk' && "
            + "mount -t tmpfs -o \(disk) tmpfs '\(folder.path)/disk' && exec \"$@\"", "sh",
        ])
    }

    private func warnings(_ outcome: Outcome) -> Int {
      outcome.stderr.split(separator: "\n").count { $0.contains("not written") }
    }

    /// A checkpoint has 60 kB, the weights alone 20 kB.
    @Test(.enabled(if: SharedMemoryTests.mayUnshare, "mounting is not permitted here"))
    func `A full disk`() throws {
      for mode in ["async", "sync"] {
        let none = try run(disk: "size=40k", expecting: 73, "--checkpoint-mode", mode)
        #expect(warnings(none) == 4, "each time: \(none)")
        let first = try run(disk: "size=112k", expecting: 0, "--checkpoint-mode", mode)
        #expect(warnings(first) == 3, "one is there, and nothing half beside it: \(first)")
        #expect(warnings(try run(disk: "size=400k", expecting: 0, "--checkpoint-mode", mode)) == 0)
      }
    }

    @Test(.enabled(if: SharedMemoryTests.mayUnshare, "mounting is not permitted here"))
    func `A disk that is not to be written, and one without room for files`() throws {
      let refused = try run(disk: "ro", expecting: 73)
      #expect(refused.messages.count == 1 && refused.stderr.contains("Read-only"), "\(refused)")
      let full = try run(disk: "nr_inodes=12", expecting: 73)
      #expect(warnings(full) == 4, "\(full)")
    }

    /// Words that start a program as a user who may not write everywhere, as root may.
    private static let unprivileged =
      geteuid() == 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : []
    private static let mayBeUnprivileged =
      (try? Subject.tool(unprivileged + [Subject.path(), "--version"])) != nil

    @Test(.enabled(if: mayBeUnprivileged, "no setpriv, or no other user may start the program"))
    func `Folders without permission`() throws {
      chmod(folder.path, 0o777)
      let run = folder.run("run")
      func start(expecting code: Int32, _ options: [String]) throws -> Outcome {
        try IntegrationTests.run(
          ranks: 2, expecting: code, Self.recipe + ["--quiet"] + options,
          prefix: Self.unprivileged, timeout: 30)
      }
      func expectRefusal(_ code: Int32, _ options: [String], naming path: String) throws {
        let outcome = try start(expecting: code, options)
        let message = outcome.messages.first ?? ""
        #expect(
          outcome.messages.count == 1 && message.contains("\(path): Permission denied"),
          "\(outcome)")
      }
      _ = try start(expecting: 75, run.option + ["--stop-after", "3"])
      let resume = run.option + ["--resume", "latest"]
      let weights = run.checkpoint(3) + "/model.safetensors"
      for (path, mode, code, named) in [
        (run.path + "/checkpoints", mode_t(0o555), Int32(73), run.path + "/checkpoints"),
        (run.path, 0o555, 73, run.path + "/.config.yaml.new"), (weights, 0o000, 65, weights),
      ] {
        var status = stat()
        try #require(lstat(path, &status) == 0 && chmod(path, mode) == 0)
        defer { chmod(path, status.st_mode) }
        try expectRefusal(code, resume, naming: named)
      }
      // Where the run would be made.
      try #require(mkdir(folder.file("shut"), 0o555) == 0)
      try expectRefusal(73, ["--run", folder.file("shut/run")], naming: folder.file("shut/run"))
      _ = try start(expecting: 0, resume)
    }

    /// 75 would promise a checkpoint to continue from.
    @Test func `The folder is gone in the middle`() throws {
      let run = folder.run("run")
      let job = try Job(ranks: 2, Self.endless + run.option)
      try job.wait { run.entries().contains("latest") }
      #expect(rename(run.path, folder.file("away")) == 0)
      usleep(500_000)
      job.signalLauncher(SIGUSR1)
      let outcome = try job.finish(timeout: 20)
      #expect(outcome.code == 73 && warnings(outcome) > 0, "\(outcome)")
    }

    @Test func `A copy in memory or not, the same files`() throws {
      let (async, sync) = (folder.run("async"), folder.run("sync"))
      for (run, mode) in [(async, "async"), (sync, "sync")] {
        try IntegrationTests.run(
          ranks: 3, expecting: 0, Self.recipe + run.option + ["--checkpoint-mode", mode])
      }
      #expect(async.steps.count == 3)
      for file in ["model.safetensors", "optimizer.safetensors"] {
        for step in async.steps {
          let path = "checkpoints/" + (async.checkpoint(step).split(separator: "/").last ?? "")
          #expect(try async.digest("\(path)/\(file)") == sync.digest("\(path)/\(file)"))
        }
      }
      let lines = try async.metrics("checkpoint")
      #expect(lines.map(\.step) == [29, 58, 87, 116])
      for line in lines { #expect(try line.number("pause_ms") > 0 && line.number("write_ms") > 0) }
    }

    @Test func `Multiples are kept for ever`() throws {
      let run = folder.run("run")
      try IntegrationTests.run(
        ranks: 1, expecting: 0,
        Self.recipe + run.option + [
          "--keep", "1", "--keep-every", "2ep", "--checkpoint-every", "1ep",
        ])
      #expect(run.steps.sorted() == [58, 116])
    }

    private static let endless = [
      "--logical-ranks", "2", "--threads", "1", "--steps", "100000000", "--checkpoint-every",
      "5000st", "--eval-every", "100000000st", "--quiet",
    ]

    @Test func `Two jobs, one run`() throws {
      let run = folder.run("run")
      let job = try Job(ranks: 2, Self.endless + run.option)
      try job.wait { run.entries().contains("latest") }
      let second = try IntegrationTests.run(
        ranks: 1, expecting: 64, run.option + ["--resume", "latest"])
      #expect(second.messages.count == 1, "\(second)")
      let first = try #require(job.ranks.first { $0.rank == 0 })
      #expect(second.messages.first?.contains("process \(first.id) on host") == true, "\(second)")
      job.signalLauncher(SIGUSR1)
      #expect(try job.finish(timeout: 20).code == 75)
    }

    @Test func `The job's time is over`() throws {
      let run = folder.run("run")
      let outcome = try IntegrationTests.run(
        ranks: 2, expecting: 75, Self.endless + run.option + ["--time-limit", "6s"])
      let end = try #require(try run.metrics("end").last)
      #expect(try end.text("reason") == "time-limit" && end.number("wall_s") < 6, "\(outcome)")
      #expect(run.steps.max() == end.step, "saved at its last step")
    }
  }
}
