import Basics
import CKernels
import Glibc
import Reports

/// `bench zoo`: every model trained by the program itself under mpirun, checked for equal bits at
/// several numbers of ranks, and timed against a peer in turns.
///
/// Runs outside MPI, because it starts mpirun: one job after another, as a user would.
package struct ZooBenchmark {
  /// The command of the peer's program, to which a workload's name is appended; nil leaves the
  /// comparison out.
  package var peer: String?
  /// Pairs of timings; their medians are compared.
  package var rounds = 3
  /// Whether models are trained to the end of their recipe.
  package var trains = true
  /// Where runs are written; removed at the end.
  package var folder: String
  private let program: String

  package init(folder: String) throws {
    self.folder = folder
    var path = [CChar](repeating: 0, count: Int(PATH_MAX))
    guard readlink("/proc/self/exe", &path, path.count - 1) > 0 else {
      throw Failure.internalError("cannot find this program through /proc/self/exe")
    }
    program = path.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
  }

  /// What was found of one model.
  package struct Result {
    package var row: ZooRow
    package var metric: (name: String, value: Double)?
    package var trainingSeconds: Double?
    package var step: Timing
    package var peer: Timing?
    package var digests: [(ranks: Int, digest: String)] = []

    package var hasEqualBits: Bool { Set(digests.map(\.digest)).count == 1 }
    /// Samples a second against the peer's.
    package var ratio: Double? { peer.map { $0.milliseconds / step.milliseconds } }

    package var line: String {
      var words = ["model=\(row.name)"]
      if let metric { words.append("\(metric.name)=\(Format.fixed(metric.value, 4))") }
      if let trainingSeconds { words.append("train_s=\(Format.fixed(trainingSeconds, 1))") }
      words.append("step_ms=\(Format.fixed(step.milliseconds, 4))")
      words.append("rss_mb=\(Format.fixed(step.megabytes, 0))")
      if let peer, let ratio {
        words.append("peer_step_ms=\(Format.fixed(peer.milliseconds, 4))")
        words.append("peer_rss_mb=\(Format.fixed(peer.megabytes, 0))")
        words.append("ratio=\(Format.fixed(ratio, 2))")
      }
      words.append("ranks=\(digests.map { "\($0.ranks)" }.joined(separator: ","))")
      words.append("sha256=\(hasEqualBits ? digests.first?.digest ?? "" : "DIFFERS")")
      return words.joined(separator: " ")
    }
  }

  package struct Timing {
    package var milliseconds: Double
    package var megabytes: Double
  }

  private static let bitRanks = [1, 2, 4, 8]
  private static let bitSteps = 20

  /// - Throws: `Failure` with the output's last lines where a job fails.
  /// - Parameter report: told what is being done, because a row takes minutes.
  package func measure(_ row: ZooRow, report: (String) -> Void) throws -> Result {
    var result = Result(row: row, step: Timing(milliseconds: 0, megabytes: 0))
    report("\(row.name): \(Self.bitSteps) steps at 1, 2, 4 and 8 ranks")
    for ranks in Self.bitRanks {
      let run = try freshRun(row, "\(ranks)")
      _ = try Shell.run(
        "\(job(ranks)) train \(row.subject) \(row.recipe) --stop-after \(Self.bitSteps) "
          + "--logical-ranks 8 --threads 1 --quiet --run \(Shell.quoted(run))", endsWith: 75)
      let digest = try InputFile(path: run + "/latest/model.safetensors").digest()
      result.digests.append((ranks, String(digest.prefix(12))))
    }
    report("\(row.name): timing")
    (result.step, result.peer) = try timings(row)
    if trains && !row.recipe.isEmpty {
      report("\(row.name): training (\(row.recipe))")
      let run = try freshRun(row, "trained")
      _ = try Shell.run(
        "\(job(2)) train \(row.subject) \(row.recipe) --quiet --run \(Shell.quoted(run))")
      let history = try RunHistory(run: run)
      result.metric = history.lastEvaluation.flatMap { line in
        line.accuracy.map { ("accuracy", $0) } ?? line.loss.map { ("loss", $0) }
      }
      result.trainingSeconds = history.seconds
    }
    return result
  }

  /// Medians of `rounds` timings of ours and the peer's, taken in turns.
  private func timings(_ row: ZooRow) throws -> (ours: Timing, peer: Timing?) {
    var ours: [Timing] = []
    var theirs: [Timing] = []
    for _ in 0..<max(1, rounds) {
      if let peer, let workload = row.peer {
        theirs.append(
          try timing(
            "OMP_NUM_THREADS=1 \(peer) \(workload) --fused --steps \(row.timing.steps)"))
      }
      ours.append(
        try timing(
          "\(job(2)) bench step \(row.subject) \(row.recipe) --batch-size \(row.timing.batch) "
            + "--steps \(row.timing.steps) --threads 1"))
    }
    return (median(ours), theirs.isEmpty ? nil : median(theirs))
  }

  private func timing(_ command: String) throws -> Timing {
    let output = try Shell.run(command)
    guard let step = Shell.value(of: "step_ms", in: output),
      let memory = Shell.value(of: "rss_mb", in: output)
    else { throw Failure.internalError("no step_ms and rss_mb in the output of: \(command)") }
    return Timing(milliseconds: step, megabytes: memory)
  }

  private func median(_ timings: [Timing]) -> Timing {
    let middle = timings.count / 2
    return Timing(
      milliseconds: timings.map(\.milliseconds).sorted()[middle],
      megabytes: timings.map(\.megabytes).sorted()[middle])
  }

  /// Removes the folder of the runs.
  package static func remove(_ folder: String) {
    _ = try? Shell.run("rm -rf -- \(Shell.quoted(folder))")
  }

  private func freshRun(_ row: ZooRow, _ label: String) throws -> String {
    let run = "\(folder)/\(row.name)-\(label)"
    _ = try Shell.run("rm -rf -- \(Shell.quoted(run))")
    return run
  }

  /// mpirun as `launch/run` starts it: unbound, yielding, more ranks than cores allowed.
  private func job(_ ranks: Int) -> String {
    let root = getuid() == 0 ? "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 " : ""
    return root + "mpirun --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 -np \(ranks) "
      + Shell.quoted(program)
  }
}
