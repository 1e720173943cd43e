import Foundation
import Testing

extension Integration {
  /// The program is killed at the system calls of a save, one after the other: the checkpoint
  /// before or the new one is there, every time.
  ///
  /// `DIST_TRAIN_SWEEP=all launch/test --filter SaveSweepTests` kills at every call, not only at
  /// those that name and remove.
  @Suite struct SaveSweepTests {
    private static let all = [
      "openat", "write", "fsync", "sync_file_range", "close", "mkdir", "rename", "unlink", "rmdir",
      "symlink", "pread64", "fadvise64", "newfstatat", "getdents64",
    ]
    private static let calls =
      ProcessInfo.processInfo.environment["DIST_TRAIN_SWEEP"] == "all" ? all : ["rename", "rmdir"]

    static let mayTrace = (try? Subject.tool("strace", "-f", "-o", "/dev/null", "true")) != nil

    /// A run that trains until it is asked to save, and its process.
    private func start(_ run: RunFolder) throws -> (Job, pid_t) {
      let job = try Job(
        ranks: 1,
        [
          "--logical-ranks", "1", "--threads", "1", "--steps", "100000000", "--checkpoint-every",
          "100000000st", "--eval-every", "100000000st", "--log-every", "100000000", "--keep", "1",
          "--progress", "off", "--resume", "auto",
        ] + run.option)
      // What is printed last before the first step.
      try job.wait { job.stderr.contains("  run ") && job.stderr.hasSuffix("\n") }
      return (job, try #require(job.ranks.first).id)
    }

    /// A save under strace, which kills the program on entering a thread's `count`-th `call`.
    private func save(_ run: RunFolder, killedAt call: String, _ count: Int) throws -> Int32 {
      let (job, process) = try start(run)
      let tracer = Process()
      tracer.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      tracer.arguments = [
        "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=\(call)", "-e",
        "inject=\(call):signal=KILL:when=\(count)", "-p", "\(process)",
      ]
      try tracer.run()
      try job.wait { Self.isTraced(process) }
      job.signalLauncher(SIGUSR1)
      let code = try job.finish(timeout: 30).code
      tracer.waitUntilExit()
      return code
    }

    @Test(.enabled(if: mayTrace, "strace is not here, or may not trace"))
    func `Killed at every call of a save`() throws {
      let folder = try TemporaryFolder(isOnDisk: true)
      let run = folder.run("run")
      let (first, _) = try start(run)
      first.signalLauncher(SIGUSR1)
      #expect(try first.finish(timeout: 30).code == 75)
      var before = try #require(run.steps.max())
      var (old, new) = (0, 0)
      for call in Self.calls {
        var count = 0
        var code: Int32 = 137
        while code == 137 {
          count += 1
          code = try save(run, killedAt: call, count)
          try #require([137, 75].contains(code), "\(call) \(count): code \(code)")
          // What lies there is whole, and is what the next start of the loop continues from.
          let text = try Subject.tool(try Subject.path(), "inspect", run.path)
          let line = try #require(text.split(separator: "\n").first { $0.contains("step") })
          let found = try #require(line.split(separator: " ").compactMap { Int($0) }.first)
          try #require(found >= before, "\(call) \(count): \(line)")
          if code == 137 && found == before { old += 1 } else if code == 137 { new += 1 }
          if code == 75 { #expect(found > before, "\(call) \(count)") }
          before = found
        }
        #expect(count > 1, "a save calls \(call)")
        print("save sweep: \(count - 1) kills at \(call)")
      }
      #expect(old > 0 && new > 0, "\(old) times the old checkpoint, \(new) times the new")
      print("save sweep: \(old) times the old checkpoint, \(new) times the new")
    }

    private static func isTraced(_ process: pid_t) -> Bool {
      let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
      return status?.contains("TracerPid:\t0\n") == false
    }
  }
}
