import Basics
import Glibc

/// `bench zoo`: every model trained by the program itself under mpirun, checked for equal bits at
/// several numbers of ranks, and timed against a peer in turns.
///
/// Runs outside MPI, because it starts mpirun: one job after another, as a user would.
package struct ZooBenchmark {
  /// The command of the peer's program, to which a workload's name is appended; nil leaves the
  /// comparison out.
  package var peer: String?
  /// What stands in it for the number of ranks.
  package static let ranksPlace = "{ranks}"
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

  private static let bitRanks = [1, 2, 4, 8]
  private static let bitSteps = 20

  /// - Throws: `Failure` with the output's last lines where a job fails.
  /// - Parameter report: told what is being done, because a row takes minutes.
  package func measure(_ row: ZooRow, report: (String) -> Void) throws -> Result {
    report("\(row.name): \(Self.bitSteps) steps at 1, 2, 4 and 8 ranks")
    let digests = try Self.bitRanks.map { ranks in
      let run = try freshRun(row, "\(ranks)")
      _ = try Shell.run(
        "\(job(ranks)) train \(row.options) --stop-after \(Self.bitSteps) "
          + "--logical-ranks 8 --threads 1 --quiet --run \(Shell.quoted(run))", endsWith: 75)
      let digest = try InputFile(path: run + "/latest/model.safetensors").digest()
      return (ranks, String(digest.prefix(12)))
    }
    report("\(row.name): timing")
    var result = Result(
      row: row, onTwoRanks: try compare(row, ranks: 2), onOneRank: try compare(row, ranks: 1),
      digests: digests)
    if trains && row.isTrained {
      report("\(row.name): training (\(row.options))")
      let run = try freshRun(row, "trained")
      _ = try Shell.run("\(job(2)) train \(row.options) --quiet --run \(Shell.quoted(run))")
      let history = try RunHistory(run: run)
      result.metric = history.lastEvaluation.flatMap { line in
        line.accuracy.map { ("accuracy", $0) } ?? line.loss.map { ("loss", $0) }
      }
      result.trainingSeconds = history.seconds
    }
    return result
  }

  /// Medians of `rounds` timings of ours and the peer's, taken in turns.
  private func compare(_ row: ZooRow, ranks: Int) throws -> Comparison {
    var ours: [Timing] = []
    var theirs: [Timing] = []
    for _ in 0..<max(1, rounds) {
      if let peer, let workload = row.peer {
        let command = peer.replacing(Self.ranksPlace, with: "\(ranks)")
        var timing = try timing(
          "OMP_NUM_THREADS=1 \(command) \(workload) --fused --steps \(row.timing.steps)")
        // It names the batch of a process.
        timing.samples *= Double(ranks)
        theirs.append(timing)
      }
      ours.append(
        try timing(
          "\(job(ranks)) bench step \(row.options) --batch-size \(row.timing.samples * ranks) "
            + "--steps \(row.timing.steps) --threads 1"))
    }
    return Comparison(ours: median(ours), peer: theirs.isEmpty ? nil : median(theirs))
  }

  private func timing(_ command: String) throws -> Timing {
    let output = try Shell.run(command)
    func value(_ key: String) throws -> Double {
      guard let value = Shell.value(of: key, in: output) else {
        throw Failure.internalError("no \(key) in the output of: \(command)")
      }
      return value
    }
    return Timing(
      milliseconds: try value("step_ms"), samples: try value("batch"),
      megabytes: try value("rss_mb"))
  }

  private func median(_ timings: [Timing]) -> Timing {
    Timing(
      milliseconds: timings.map(\.milliseconds).median(),
      samples: timings.map(\.samples).median(), megabytes: timings.map(\.megabytes).median())
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
