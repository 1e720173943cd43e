import Basics
import DataParallel
import Datasets
import FoundationEssentials
import Glibc
import Graph
import Logging
import Models
import Optimizers
import MPI
import Reports

/// Where a run begins: the world it is in, the checkpoint it continues, the folder it writes.
extension TrainingJob {
  /// Refuses a world that is not what the launcher meant: eight one-rank jobs in one folder.
  func checkLaunch() throws {
    try group.agree {
      if let expected = sources.configuration.expectRanks, expected != group.size {
        throw Failure.usage(
          "expect-ranks: \(expected) ranks expected, the MPI world has \(group.size)",
          remedy: "Start it with mpirun -np \(expected), or srun --mpi=pmix.")
      }
    }
  }

  /// Ranks started with other options would train apart without a word. Collective: every rank.
  func compareConfigurations(console: Console) throws {
    try group.requireSame(
      "configuration",
      ConfigurationSources.yaml(of: sources.configuration).split(separator: "\n").map(String.init),
      else: .usage,
      remedy: "Start all ranks with one command line, and copy --config to every host.")
    let platform = Platform.current
    let difference = try group.difference(
      "processor", [platform.processor, platform.instructionSet])
    let speaker = try group.world.allreduce(
      value: difference == nil ? Int.max : group.rank, .minimum)
    if let difference, speaker == group.rank {
      console.logger.warning("equal bits are not promised: \(difference)")
    }
  }

  /// Says what is allowed, but seldom meant.
  func advise(_ run: SettledRun, console: Console) throws {
    let (configuration, trainCount) = (run.configuration, run.trainCount)
    if let last = configuration.stopAfter {
      let total = configuration.totalSteps(trainCount: trainCount)
      if last > total {
        console.logger.warning("stop-after \(last): the run ends before, at step \(total)")
      } else if last <= run.firstStep {
        console.logger.warning(
          "stop-after \(last): nothing is trained, the checkpoint is of step \(run.firstStep)")
      }
    }
    if case .samples(let count) = configuration.batchSize, count > trainCount {
      console.line("batch size \(count) clamped to the \(trainCount) training samples")
    }
    if configuration.reduction == .fast {
      if group.nodeCount == 1 {
        console.line("reduction fast has no effect: on one host no gradient is sent")
      } else {
        console.logger.warning("reduction fast: the bits depend on the number of ranks and hosts")
      }
    }
    if configuration.compress != .none {
      let name = "compress \(configuration.compress)"
      if group.nodeCount == 1 {
        console.line("\(name) has no effect: on one host no gradient is sent")
      } else {
        console.logger.warning(
          "\(name): the bits depend on the hosts and on when checkpoints are saved")
      }
    }
    if configuration.localSteps > 1 {
      let name = "local-steps \(configuration.localSteps)"
      if group.nodeCount > 1 {
        console.logger.warning(
          "\(name): the bits depend on the hosts; loss and gradient norm are the first host's")
      }
      let steps = configuration.totalSteps(trainCount: trainCount)
      if steps < configuration.localSteps {
        console.logger.warning("\(name): the run has only \(steps), and one outer step at its end")
      }
    }
    let optimizer = configuration.optimizer ?? ""
    if optimizer == "rprop", configuration.batchCount(trainCount: trainCount) < trainCount {
      console.logger.warning(
        "rprop counts signs, and those of a mini-batch are noise: use --batch-size full")
    }
    let moves = try configuration.makeSchedule(trainCount: trainCount).movesMomentum
    let rule = try OptimizerRegistry.make(optimizer, configuration.hyperParameters)
    if moves && !rule.followsMomentum {
      console.logger.warning(
        "\(configuration.schedule) moves the momentum too, but \(optimizer) has none that can move")
    }
  }

  /// A checkpoint to continue from, known to every rank.
  struct Resumed: Codable {
    let path: String
    /// The run it lies in; nil for a copy elsewhere.
    let folder: String?
    var state: CheckpointState

    /// Copies the best checkpoints so far, one of which may be the best of all, to another folder.
    mutating func takeBest(to target: RunFolder, console: Console) throws {
      state.best.removeAll { best in
        let source =
          best.step == state.step
          ? path : folder.map { RunFolder($0).checkpointFolder.final(best.step) }
        do {
          guard let source else {
            throw Failure.badData("\(path) lies in no run that could have it")
          }
          try target.checkpointFolder.adopt(best.step, from: source)
          return false
        } catch {
          console.logger.warning(
            "the best checkpoint so far, of step \(best.step), is forgotten: \(error)")
          return true
        }
      }
      if let best = state.best.first { try target.link("best", toStep: best.step) }
    }
  }

  /// Only the first rank looks at the disk.
  func findCheckpoint(console: Console) throws -> Resumed? {
    guard let request = sources.configuration.resume else { return nil }
    let bytes = try group.bytesFromFirst {
      guard
        let found = try StoredCheckpoint.find(
          request, run: sources.configuration.run, warn: { console.logger.warning("\($0)") })
      else { return [] }
      return Array(
        try JSONEncoder().encode(
          Resumed(
            path: found.checkpoint.path, folder: found.folder?.path, state: found.checkpoint.state))
      )
    }
    if bytes.isEmpty { return nil }
    return try JSONDecoder().decode(Resumed.self, from: Data(bytes))
  }

  /// The checkpoint's configuration, then file and flags; what changes the arithmetic is refused.
  mutating func applyResumed(_ resumed: Resumed, console: Console) throws {
    sources = try group.agree {
      let stored = try resumed.state.configuration(origin: resumed.path)
      var merged = try TrainingJob.sources(
        flags: flags, file: configurationFile, over: stored)
      merged.letNewEpochsWin(over: resumed.path)
      let changes = SettingChange.all(from: stored.configuration, to: merged.configuration)
      try SettingChange.refuse(changes)
      if group.isFirst { SettingChange.report(changes, on: console) }
      return merged
    }
    let differences = Platform.current.differences(from: resumed.state.platform)
    if !differences.isEmpty && group.isFirst {
      console.logger.warning(
        "equal bits are not promised for this resume: \(differences.joined(separator: ", "))")
    }
  }

  /// A resume must find the data it was started on: other rows are another split and other steps.
  func compareData(_ found: DatasetDescription, with resumed: Resumed) throws {
    try group.agree {
      let before = resumed.state.dataset
      guard found != before else { return }
      throw Failure.badData(
        "\(found.name): the data has changed since this run was started: rows "
          + "\(before.rows[.train] ?? 0) → \(found.rows[.train] ?? 0), bytes "
          + "\(before.sourceBytes) → \(found.sourceBytes)",
        remedy: "Bring the old files back, or start a new run with --init-weights.")
    }
  }

  /// The model's YAML file, read once by the first rank; a resumed run keeps the text it was
  /// started with. Collective: every rank.
  func readModelFile(resumed: Resumed?, console: Console) throws -> String? {
    guard model == nil, let name = sources.configuration.model, ModelFile.isPath(name) else {
      return nil
    }
    if let stored = resumed?.state.modelFile {
      try group.onFirst {
        if let now = try? readTextFile(name, limit: 1 << 20), now != stored {
          console.logger.warning("\(name) has changed: this run keeps the model it began with")
        }
      }
      return stored
    }
    let bytes = try group.bytesFromFirst { try readFile(name, limit: 1 << 20) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The run's folder, made and written by the first rank alone.
  /// - Parameter run: forgets those of its best checkpoints that a new folder cannot have.
  func openFolder(_ run: inout SettledRun, console: Console) throws -> RunFolder {
    let (configuration, resumed) = (run.configuration, run.resumed)
    var folder = RunFolder("")
    try group.onFirst {
      folder =
        (configuration.run ?? resumed?.folder).map(RunFolder.init)
        ?? .fresh(model: configuration.model ?? "model", data: configuration.data)
      // `auto` may find a folder whose job was killed before its first checkpoint.
      let continues =
        resumed.map { $0.folder.map { folder.isSame(as: RunFolder($0)) } ?? false }
        ?? (configuration.resume == "auto"
          && (folder.hasNotBegun || folder.isRun && folder.steps().isEmpty))
      if !continues { try folder.create() }
      try folder.prepare()
      if continues, let resumed { warnOfLater(folder, than: resumed.state.step, console: console) }
      if !continues { try run.resumed?.takeBest(to: folder, console: console) }
      // The result of an earlier end is not this run's.
      ResultSum.remove(folder.model)
      ResultSum.remove(folder.averagedModel)
      try FileWriter.replace(folder.configuration) { file in
        for line in Version.lines { try file.write("# \(line)\n") }
        try file.write(ConfigurationSources.yaml(of: configuration, Setting.stored))
      }
    }
    return folder
  }

  private func warnOfLater(_ folder: RunFolder, than step: Int, console: Console) {
    let later = folder.steps().filter { $0 > step }.map(String.init)
    if later.isEmpty { return }
    let text =
      "continuing after step \(step): the checkpoints after it, \(later.joined(separator: ", ")), "
      + "go with the first save, and a result now; another --run would keep them"
    console.logger.warning("\(text)")
  }
}
