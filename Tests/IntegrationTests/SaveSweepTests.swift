import Foundation
import Testing

extension Integration {
  /// The program is killed at the system calls of a save, one after the other: the checkpoint
  /// before or the new one is there, every time.
  ///
  /// `DIST_TRAIN_SWEEP_STRIDE=1 launch/test --filter SaveSweepTests` kills at every call.
  @Suite struct SaveSweepTests {
    private static let calls =
      "openat,write,fsync,sync_file_range,close,mkdir,rename,unlink,rmdir,symlink,pread64,fadvise64,"
      + "fstat,newfstatat,lstat,access,readlink,getdents64"

    static let mayTrace = (try? Subject.tool("strace", "-f", "-o", "/dev/null", "true")) != nil

    /// A run that trains until it is asked to save, and its process.
    private func start(_ run: RunFolder) throws -> (Job, pid_t) {
      let job = try Job(
        ranks: 1,
        [
          "--logical-ranks", "1", "--threads", "1", "--steps", "100000000", "--checkpoint-every",
          "100000000st", "--eval-every", "100000000st", "--log-every", "100000000", "--keep", "1",
          "--quiet", "--resume", "auto",
        ] + run.option)
      try job.wait { run.entries().contains("metrics.jsonl") && !job.ranks.isEmpty }
      usleep(100_000)
      return (job, try #require(job.ranks.first).id)
    }

    @Test(.enabled(if: mayTrace, "strace is not here, or may not trace"))
    func `Killed at every call of a save`() throws {
      let step = Int(ProcessInfo.processInfo.environment["DIST_TRAIN_SWEEP_STRIDE"] ?? "") ?? 11
      let folder = try TemporaryFolder(isOnDisk: true)
      let run = folder.run("run")
      let (first, _) = try start(run)
      first.signalLauncher(SIGUSR1)
      #expect(try first.finish(timeout: 30).code == 75)
      var before = try #require(run.steps.max())
      var (old, new, killed) = (0, 0, 0)
      for call in stride(from: 1, to: 1000, by: step) {
        let (job, process) = try start(run)
        let tracer = Process()
        tracer.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        tracer.arguments = [
          "strace", "-f", "-qq", "-o", folder.file("trace"), "-e", "trace=\(Self.calls)", "-e",
          "inject=\(Self.calls):signal=KILL:when=\(call)", "-p", "\(process)",
        ]
        try tracer.run()
        try job.wait { Self.isTraced(process) }
        job.signalLauncher(SIGUSR1)
        let code = try job.finish(timeout: 30).code
        tracer.waitUntilExit()
        try #require([137, 75].contains(code), "call \(call): code \(code)")
        // What lies there is whole, and is what the next start of the loop continues from.
        let text = try Subject.tool(try Subject.path(), "inspect", run.path)
        let line = try #require(text.split(separator: "\n").first { $0.contains("step") })
        let found = try #require(line.split(separator: " ").compactMap { Int($0) }.first)
        #expect(found >= before, "call \(call): \(line)")
        if found == before { old += 1 } else { new += 1 }
        before = found
        if code == 75 { break }
        killed += 1
      }
      #expect(killed * step > 50, "a save has more calls than \(killed * step)")
      #expect(old > 0 && new > 0, "\(old) times the old checkpoint, \(new) times the new")
      print("save sweep: \(killed) kills; \(old) times the old checkpoint, \(new) times the new")
    }

    private static func isTraced(_ process: pid_t) -> Bool {
      let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
      return status?.contains("TracerPid:\t0\n") == false
    }
  }
}
