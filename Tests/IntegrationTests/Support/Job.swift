import Foundation
import Testing

/// What a finished `mpirun` left behind.
struct Outcome: CustomStringConvertible {
  /// Its exit code; 128 + signal where a signal ended it, as a shell has it.
  let code: Int32
  let stdout: String
  let stderr: String
  let seconds: Double

  /// The program's error messages: exactly one rank is to print one.
  var messages: [Substring] { stderr.split(separator: "\n").filter { $0.hasPrefix(prefix) } }
  var description: String { "code \(code) after \(seconds) s\n\(stdout)\(stderr)" }
  private var prefix: String { "swift-dist-train:" }
}

/// One `mpirun` of the program, from start to end.
///
/// Every process of it carries a mark in its environment, so that all of them can be found again,
/// also those that Open MPI puts into process groups of their own.
final class Job {
  private let process: pid_t
  private let mark: String
  private let folder: TemporaryFolder
  private let start = ContinuousClock.now
  private var status: Int32?

  /// - Parameters:
  ///   - prefix: words in front of `mpirun`, such as `unshare -m`.
  ///   - environment: added to that of the test.
  init(
    ranks: Int, _ arguments: [String], prefix: [String] = [],
    environment: [String: String] = [:], binding: String = "none"
  ) throws {
    folder = try TemporaryFolder()
    mark = "DIST_TRAIN_TEST=" + UUID().uuidString
    var variables = ProcessInfo.processInfo.environment.filter { name, _ in
      !["OMPI_", "PMIX_", "SLURM_"].contains(where: name.hasPrefix)
    }
    variables["OMPI_ALLOW_RUN_AS_ROOT"] = "1"
    variables["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
    variables["OMPI_MCA_rmaps_base_oversubscribe"] = "1"
    variables["OMPI_MCA_mpi_yield_when_idle"] = "1"
    variables.merge(environment) { $1 }
    process = try Job.spawn(
      ["/usr/bin/env"] + prefix
        + ["mpirun", "-np", "\(ranks)", "--bind-to", binding, try Subject.path()] + arguments,
      environment: variables.map { "\($0)=\($1)" } + [mark],
      stdout: folder.file("stdout"), stderr: folder.file("stderr"))
  }

  deinit { if status == nil { killAll() } }

  /// In a process group of its own, with nothing on standard input.
  private static func spawn(
    _ words: [String], environment: [String], stdout: String, stderr: String
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    for (descriptor, path) in [(Int32(1), stdout), (2, stderr)] {
      posix_spawn_file_actions_addopen(&actions, descriptor, path, O_WRONLY | O_CREAT, 0o600)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // The threads of a Swift program block signals, and a child would inherit that.
    var noSignals = sigset_t()
    sigemptyset(&noSignals)
    posix_spawnattr_setsigmask(&attributes, &noSignals)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
    let argv = words.map { strdup($0) } + [nil]
    let envp = environment.map { strdup($0) } + [nil]
    defer { for text in argv + envp { free(text) } }
    var process = pid_t()
    let error = posix_spawn(&process, words[0], &actions, &attributes, argv, envp)
    try #require(error == 0, "posix_spawn: \(String(cString: strerror(error)))")
    return process
  }

  /// Live processes that belong to this job, zombies not counted.
  var processes: [RunningProcess] { RunningProcess.all { $0.environment.contains(mark) } }
  /// Those of them that are ranks: Open MPI tells each its number.
  var ranks: [RunningProcess] { processes.filter { $0.rank != nil } }

  var stderr: String { (try? String(contentsOfFile: folder.file("stderr"), encoding: .utf8)) ?? "" }
  private var stdout: String {
    (try? String(contentsOfFile: folder.file("stdout"), encoding: .utf8)) ?? ""
  }

  func signalLauncher(_ signal: Int32) { kill(process, signal) }

  private func killAll() {
    kill(-process, SIGKILL)
    for process in processes { kill(process.id, SIGKILL) }
  }

  /// Whether `mpirun` has ended.
  func hasEnded() -> Bool {
    if status == nil {
      var value: Int32 = 0
      let ended = waitpid(process, &value, WNOHANG)
      if ended == process { status = value }
      precondition(ended >= 0 || errno == EINTR, "nobody else waits for this process")
    }
    return status != nil
  }

  /// Waits for `condition`; a job that ends before is an error.
  func wait(
    until condition: () throws -> Bool, timeout: Double = 30,
    at place: SourceLocation = #_sourceLocation
  ) throws {
    let limit = ContinuousClock.now + .seconds(timeout)
    while try !condition() {
      try #require(!hasEnded(), "ended too early\n\(stdout)\(stderr)", sourceLocation: place)
      try #require(ContinuousClock.now < limit, "waited \(timeout) s", sourceLocation: place)
      usleep(5000)
    }
  }

  /// Waits for the end; kills everything and fails where it does not come, or leaves a process
  /// behind for more than 5 s.
  func finish(timeout: Double, at place: SourceLocation = #_sourceLocation) throws -> Outcome {
    let limit = ContinuousClock.now + .seconds(timeout)
    while !hasEnded() {
      if ContinuousClock.now > limit {
        let states = processes.map(\.description).joined(separator: "\n")
        let text = "no end within \(timeout) s\n\(states)\n\(stdout)\(stderr)"
        killAll()
        try #require(Bool(false), "\(text)", sourceLocation: place)
      }
      usleep(3000)
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let patience = ContinuousClock.now + .seconds(5)
    while !processes.isEmpty && ContinuousClock.now < patience { usleep(20000) }
    let left = processes.map(\.description)
    #expect(left.isEmpty, "processes were left behind", sourceLocation: place)
    if !left.isEmpty { killAll() }
    let raw = status ?? 0
    return Outcome(
      code: raw & 0x7F == 0 ? raw >> 8 & 0xFF : 128 + raw & 0x7F, stdout: stdout, stderr: stderr,
      seconds: seconds)
  }
}
