import Basics
import CKernels
package import DataParallel
import Datasets
import FoundationEssentials
import Graph
import Logging
import MPI
package import Models
import Optimizers
package import Reports

/// Builds a `Trainer` from what the user asked for: the road from options to the first step.
package struct TrainingJob {
  private let group: RankGroup
  private let started = ck_monotonic_ns()
  private var sources: ConfigurationSources
  private let model: ((ModelContext) -> any Model)?

  /// - Parameters:
  ///   - flags: option values by name; flags win over the file.
  ///   - configurationFile: the path given with `--config`.
  ///   - model: makes a Swift program's own model, in place of one by name.
  package init(
    group: RankGroup, flags: [String: String], configurationFile: String?,
    model: ((ModelContext) -> any Model)? = nil
  ) throws {
    self.group = group
    self.model = model
    sources = try group.agree {
      try TrainingJob.sources(flags: flags, file: configurationFile, over: ConfigurationSources())
    }
    self.flags = flags
    self.configurationFile = configurationFile
  }

  private let flags: [String: String]
  private let configurationFile: String?

  package static func sources(
    flags: [String: String], file: String?, over base: ConfigurationSources
  ) throws -> ConfigurationSources {
    var sources = base
    if let file { try sources.apply(file: file) }
    try sources.apply(flags: flags)
    return sources
  }

  /// Trains. Collective: every rank. Returns the exit code.
  package mutating func run() throws -> Int32 {
    let console = Console(
      mode: Console.Mode(rawValue: sources.configuration.progress) ?? .auto,
      isQuiet: sources.configuration.quiet || !group.isFirst)
    return try prepare(console: console, purpose: .train).trainer.run()
  }

  package enum Purpose {
    /// Writes a run folder.
    case train
    /// Writes nothing: only steps are measured.
    case measure
  }

  /// The configuration as it would run, with where each value came from. Reads the data's headers
  /// only. Collective: every rank.
  package mutating func resolvedLines() throws -> [String] {
    let console = Console(mode: .off, isQuiet: !group.isFirst)
    if let resumed = try findCheckpoint(console: console) {
      try applyResumed(resumed, console: console)
    }
    let asked = sources.configuration
    let (description, trainCount) = try group.agree {
      let description = try datasetSource(named: asked.data, options: dataOptions(asked)).describe()
      return (description, try split(description, asked).trainCount)
    }
    return sources.describe(try resolve(description, trainCount: trainCount))
  }

  /// Everything up to the first step.
  package mutating func prepare(console: Console, purpose: Purpose) throws -> PreparedRun {
    ck_install_signal_flag()
    try checkLaunch()
    try compareConfigurations()
    let resumed = try findCheckpoint(console: console)
    if let resumed { try applyResumed(resumed, console: console) }
    let asked = sources.configuration
    let data = try loadData(asked, standardization: resumed?.state.standardization)
    let configuration = try resolve(data.description, trainCount: data.split.trainCount)
    if case .samples(let count) = asked.batchSize, count > data.split.trainCount {
      console.line("batch size \(count) clamped to the \(data.split.trainCount) training samples")
    }
    let engine = try ComputeEngine(threads: configuration.threads ?? 1)
    let built = try group.agree { try plan(configuration, data: data, engine: engine) }
    let arena = try NodeArena(
      group: group, sizes: built.sizes, cores: Affinity(group).nodeCores,
      hangTimeoutSeconds: configuration.hangTimeout)
    let reducer = GradientReducer(
      arena: arena, division: built.division, position: group.position)
    let folder =
      purpose == .train ? try openFolder(configuration, resumed: resumed) : RunFolder("(none)")
    let store = CheckpointStore(
      folder: folder, layout: built.plans.layout, stateNames: built.optimizer.stateNames)
    try fillParameters(arena, built, configuration, store: store, resumed: resumed)
    let trainer = try makeTrainer(
      built, configuration: configuration, data: data, arena: arena, reducer: reducer,
      store: store, resumed: resumed, console: console, writes: purpose == .train)
    describe(
      configuration, data: data, built: built, arena: arena, reducer: reducer, folder: folder,
      console: console)
    return PreparedRun(
      trainer: trainer, configuration: configuration,
      parameterCount: built.plans.layout.parameterCount,
      batchCount: configuration.batchCount(trainCount: data.split.trainCount), arena: arena,
      startedNanoseconds: started)
  }

  // MARK: Before the data

  /// Refuses a world that is not what the launcher meant: eight one-rank jobs in one folder.
  private func checkLaunch() throws {
    try group.agree {
      if let expected = sources.configuration.expectRanks, expected != group.size {
        throw Failure.usage(
          "expect-ranks: \(expected) ranks expected, the MPI world has \(group.size)",
          remedy: "Start it with mpirun -np \(expected), or srun --mpi=pmix.")
      }
      if group.size == 1, let tasks = Launcher.expectedTasks, tasks > 1 {
        throw Failure.usage(
          "the launcher started \(tasks) tasks, but each is an MPI world of its own",
          remedy: "Under Slurm use mpirun, or srun --mpi=pmix; Debian's Open MPI knows no other.")
      }
      if group.nodeCount > 1 {
        throw Failure.usage(
          "the job spans \(group.nodeCount) hosts; this version trains on one",
          remedy: "Start all ranks on one host.")
      }
    }
  }

  /// Ranks started with other options or another program would train apart without a word.
  private func compareConfigurations() throws {
    let text = ConfigurationSources.yaml(of: sources.configuration) + Version.lines.joined()
    let own = stableHash(text)
    let first = try group.world.broadcast(value: own)
    try group.agree {
      if own != first {
        throw Failure.usage(
          "rank \(group.rank) has other options or another program than rank 0",
          remedy: "Start all ranks with one command line.")
      }
    }
  }

  /// A checkpoint to continue from, known to every rank.
  private struct Resumed: Codable {
    let path: String
    let folder: String
    let state: CheckpointState
  }

  /// Only the first rank looks at the disk.
  private func findCheckpoint(console: Console) throws -> Resumed? {
    guard let request = sources.configuration.resume else { return nil }
    let bytes = try group.bytesFromFirst {
      guard
        let found = try StoredCheckpoint.find(
          request, run: sources.configuration.run, warn: { console.logger.warning("\($0)") })
      else { return [] }
      return Array(
        try JSONEncoder().encode(
          Resumed(
            path: found.checkpoint.path, folder: found.folder.path, state: found.checkpoint.state)))
    }
    if bytes.isEmpty { return nil }
    return try JSONDecoder().decode(Resumed.self, from: Data(bytes))
  }

  /// The checkpoint's configuration, then file and flags; what changes the arithmetic is refused.
  private mutating func applyResumed(_ resumed: Resumed, console: Console) throws {
    sources = try group.agree {
      let stored = try resumed.state.configuration(origin: resumed.path)
      let merged = try TrainingJob.sources(
        flags: flags, file: configurationFile, over: stored)
      for setting in Setting.all where !setting.isFreeOnResume {
        let (now, before) = (
          setting.print(merged.configuration), setting.print(stored.configuration)
        )
        if now != before {
          throw Failure.usage(
            "\(setting.name): the run was started with \(before ?? "nothing"), now \(now ?? "nothing")",
            remedy: "Leave the option out, or start a new run.")
        }
      }
      return merged
    }
    let differences = Platform.current.differences(from: resumed.state.platform)
    if !differences.isEmpty {
      console.logger.warning(
        "equal bits are not promised for this resume: \(differences.joined(separator: ", "))")
    }
  }

  // MARK: Data and plans

  private func loadData(
    _ configuration: RunConfiguration, standardization: Standardization?
  ) throws -> LoadedData {
    let choice: LoadedData.StandardizationChoice =
      standardization.map { .stored($0) } ?? (configuration.standardize ? .compute : .none)
    return try LoadedData(
      group: group, spec: configuration.data, options: dataOptions(configuration),
      split: { try split($0, configuration) }, standardize: choice)
  }

  private func dataOptions(_ configuration: RunConfiguration) -> DataOptions {
    DataOptions(
      target: configuration.target, task: configuration.task,
      testData: configuration.testData, validationData: configuration.validationData)
  }

  private func split(
    _ description: DatasetDescription, _ configuration: RunConfiguration
  ) throws -> DataSplit {
    try DataSplit(
      trainRows: description.rows[.train] ?? 0,
      explicitValidationRows: description.rows[.validation] ?? 0,
      validationFraction: configuration.validationFraction, seed: configuration.seed,
      shuffle: !configuration.noShuffle)
  }

  private func makeModel(
    _ configuration: RunConfiguration, _ description: DatasetDescription
  ) throws -> any Model {
    let context = description.modelContext
    return try model?(context) ?? Zoo.model(named: configuration.model ?? "", for: context)
  }

  /// The configuration with everything filled in. Collective: every rank.
  private func resolve(_ description: DatasetDescription, trainCount: Int) throws
    -> RunConfiguration
  {
    let affinity = try Affinity(group)
    var (configuration, threads) = try group.agree {
      let configuration = try sources.configuration.resolved(
        for: description, trainCount: trainCount, worldSize: group.size)
      let model = try makeModel(configuration, description)
      let layout = try Plan.layout(
        input: Shape([1] + description.featureShape), model: { model($0) })
      let samples =
        configuration.batchCount(trainCount: trainCount) / configuration.tree().leafCount
      let threads = affinity.threads(
        parameters: layout.parameterCount, samples: max(1, samples))
      return (configuration, configuration.threads ?? threads)
    }
    // One number for the whole run: it is part of the arithmetic.
    threads = try group.world.allreduce(value: threads, .minimum)
    configuration.threads = threads
    return configuration
  }

  private struct Built {
    let plans: PlanCache
    let division: WorkDivision
    let optimizer: any Optimizer
    let sizes: NodeArena.Sizes
    let memory: MemoryPlan
  }

  private func plan(
    _ configuration: RunConfiguration, data: LoadedData, engine: ComputeEngine
  ) throws -> Built {
    let model = try makeModel(configuration, data.description)
    let tree = configuration.tree()
    let trainCount = data.split.trainCount
    let batch = configuration.batchCount(trainCount: trainCount)
    let lastBatch = trainCount % batch
    // Only leaves are needed for batch sizes: the blocks come from the plans.
    let leaves = WorkDivision(rankCount: group.size, tree: tree, blocks: [])
    let batches = Set(lastBatch == 0 || configuration.dropLast ? [batch] : [batch, lastBatch])
    let training = Set(
      leaves.leaves(of: group.position).flatMap { leaf in
        batches.map { leaves.samples(ofLeaf: leaf, batch: $0).count }
      })
    let evaluated = [data.split.validationCount, data.dataset.rows(.test)]
    let plans = try PlanCache(
      model: model, sampleShape: data.description.featureShape,
      loss: configuration.loss ?? .crossEntropy, engine: engine, training: training,
      evaluation: evaluated.reduce(into: []) {
        $0.formUnion(Evaluator.chunkSizes($1, chunk: configuration.evalBatch))
      })
    if plans.outputCount != data.description.outputCount {
      throw Failure.usage(
        "the model has \(plans.outputCount) outputs, the data needs \(data.description.outputCount)",
        remedy: "Change the model's last layer.")
    }
    let division = WorkDivision(
      rankCount: group.size, tree: tree, blocks: plans.layout.blocks.map(\.range))
    let optimizer = try OptimizerRegistry.make(
      configuration.optimizer ?? "adam", configuration.hyperParameters)
    let sizes = NodeArena.Sizes(
      parameters: plans.layout.arenaCount, stateSlots: optimizer.stateNames.count,
      gradientSlots: division.published.count, leaves: tree.leafCount,
      blocks: plans.layout.blocks.count,
      chunks: evaluated.map { Evaluator.chunkCount($0, chunk: configuration.evalBatch) }.max() ?? 0)
    let depth = division.subtrees.flatMap { $0 }.map(tree.scratchDepth).max() ?? 0
    let memory = MemoryPlan(
      rankBytes: plans.byteCount + depth * plans.layout.arenaCount * 4,
      localRanks: group.node.size, windowBytes: sizes.byteCount(ranks: group.node.size),
      dataBytes: data.description.byteCount)
    if group.node.rank == 0 { try memory.check() }
    return Built(
      plans: plans, division: division, optimizer: optimizer, sizes: sizes, memory: memory)
  }

  // MARK: Folder and parameters

  /// The run's folder, made and written by the first rank alone.
  private func openFolder(_ configuration: RunConfiguration, resumed: Resumed?) throws -> RunFolder
  {
    var folder = RunFolder("")
    try group.onFirst {
      if let resumed {
        folder = RunFolder(configuration.run ?? resumed.folder)
        if folder.path != resumed.folder { try folder.create() } else { try folder.prepare() }
      } else {
        folder =
          configuration.run.map(RunFolder.init)
          ?? .fresh(model: configuration.model ?? "model", data: configuration.data)
        try folder.create()
      }
      var file = try FileWriter(path: folder.path + "/config.yaml")
      for line in Version.lines { try file.write("# \(line)\n") }
      try file.write(ConfigurationSources.yaml(of: configuration.withoutPlace))
      _ = try file.finish()
    }
    return folder
  }

  /// Fresh weights, each rank its own slice, or those of a file or a checkpoint.
  private func fillParameters(
    _ arena: NodeArena, _ built: Built, _ configuration: RunConfiguration,
    store: CheckpointStore, resumed: Resumed?
  ) throws {
    arena.enter(.planning)
    let layout = built.plans.layout
    for block in built.division.slices[group.position] {
      let entry = layout.entries[layout.blocks[block].entry]
      let range = layout.blocks[block].range
      entry.parameter.initializer.fill(
        arena.parameters + range.lowerBound,
        range: range.lowerBound - entry.offset..<range.upperBound - entry.offset,
        name: entry.parameter.name, seed: configuration.seed)
    }
    try arena.barrier()
    try group.onFirst {
      if let resumed {
        try store.load(StoredCheckpoint(path: resumed.path), into: arena, optimizer: true)
      } else if let path = configuration.initWeights {
        try CheckpointStore.loadWeights(path, layout: layout, into: arena.parameters)
      }
    }
  }

  private func makeTrainer(
    _ built: Built, configuration: RunConfiguration, data: LoadedData, arena: NodeArena,
    reducer: GradientReducer, store: CheckpointStore, resumed: Resumed?, console: Console,
    writes: Bool
  ) throws -> Trainer {
    let trainCount = data.split.trainCount
    let sampler = EpochSampler(
      split: data.split, seed: configuration.seed, shuffles: !configuration.noShuffle,
      batchCount: configuration.batchCount(trainCount: trainCount),
      stepsPerEpoch: configuration.stepsPerEpoch(trainCount: trainCount))
    let assembler = BatchAssembler(data: data, loss: configuration.loss ?? .crossEntropy)
    let totalSteps = configuration.totalSteps(trainCount: trainCount)
    let coordinator = try group.agree {
      let schedule = try Schedule(
        parsing: configuration.schedule, baseRate: configuration.learningRate ?? 1e-3,
        warmup: configuration.warmup, stepsPerEpoch: sampler.stepsPerEpoch, totalSteps: totalSteps)
      return try Coordinator(
        configuration: configuration, schedule: schedule, optimizer: built.optimizer,
        stepsPerEpoch: sampler.stepsPerEpoch, totalSteps: totalSteps,
        hasValidation: data.split.validationCount > 0, resuming: resumed?.state)
    }
    let firstStep = resumed?.state.step ?? 0
    var journal: Journal?
    try group.onFirst {
      guard writes else { return }
      let metrics = try MetricsFile(path: store.folder.metrics, resumingAt: resumed?.state.step)
      let pen = Journal(
        console: console, metrics: metrics, store: store, arena: arena,
        configuration: configuration, data: data, totalSteps: totalSteps, firstStep: firstStep,
        samplesBefore: sampler.samplesBefore)
      if resumed != nil { pen.didResume(step: firstStep, ranks: group.size) }
      journal = pen
    }
    return Trainer(
      group: group, arena: arena,
      worker: LeafWorker(
        arena: arena, reducer: reducer, division: built.division, plans: built.plans,
        assembler: assembler, sampler: sampler),
      updater: SliceUpdater(
        arena: arena, reducer: reducer, tree: built.division.tree, layout: built.plans.layout,
        optimizer: built.optimizer, penalty: configuration.penalty,
        clipping: configuration.clipping, decayExclude: configuration.decayExclude),
      evaluator: Evaluator(
        arena: arena, group: group, plans: built.plans, assembler: assembler,
        chunkSize: configuration.evalBatch),
      rows: (.validation(data.split), .test(data.dataset)), coordinator: coordinator,
      journal: journal, firstStep: firstStep)
  }

  private func describe(
    _ configuration: RunConfiguration, data: LoadedData, built: Built, arena: NodeArena,
    reducer: GradientReducer, folder: RunFolder, console: Console
  ) {
    let ranks = group.size == 1 ? "1 rank" : "\(group.size) ranks"
    let leaves = configuration.logicalRanks?.description ?? "1"
    var table = Table()
    table.add(
      "data",
      "\(configuration.data): \(Format.grouped(data.split.trainCount)) training, "
        + "\(Format.grouped(data.split.validationCount)) validation, "
        + "\(Format.grouped(data.dataset.rows(.test))) test")
    table.add(
      "model",
      "\(configuration.model ?? "own"): \(Format.grouped(built.plans.layout.parameterCount)) parameters"
    )
    table.add(
      "optimizer",
      "\(configuration.optimizer ?? ""), rate \(Format.short(configuration.learningRate ?? 0)), "
        + "\(configuration.schedule), batch "
        + "\(configuration.batchCount(trainCount: data.split.trainCount))")
    table.add(
      "ranks",
      "\(ranks), \(leaves) logical, \(configuration.threads ?? 1) thread(s) each, "
        + "\(built.division.published.count) gradient slots")
    table.add("memory", "\(built.memory.description) (\(arena.backing.rawValue))")
    table.add("run", folder.path)
    for line in table.leftAligned { console.line(line) }
  }
}

/// A run whose next call is its first step.
package struct PreparedRun {
  package let trainer: Trainer
  package let configuration: RunConfiguration
  package let parameterCount: Int
  package let batchCount: Int
  package let arena: NodeArena
  package let startedNanoseconds: UInt64
}
