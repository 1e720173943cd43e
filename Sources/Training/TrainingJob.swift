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
  let group: RankGroup
  let started = ck_monotonic_ns()
  var sources: ConfigurationSources
  let model: ((ModelContext) -> any Model)?
  let flags: [String: String]
  let configurationFile: String?
  /// The text of the model's YAML file, where it is one.
  var modelFile: String?

  /// - Parameters:
  ///   - defaults: a Swift program's own, by name; file and flags win over them.
  ///   - flags: option values by name; flags win over the file.
  ///   - configurationFile: the path given with `--config`.
  ///   - model: makes a Swift program's own model, in place of one by name.
  package init(
    group: RankGroup, defaults: [String: String] = [:], flags: [String: String],
    configurationFile: String?, model: ((ModelContext) -> any Model)? = nil
  ) throws {
    self.group = group
    self.model = model
    sources = try group.agree {
      var base = ConfigurationSources()
      try base.apply(flags: defaults)
      return try TrainingJob.sources(flags: flags, file: configurationFile, over: base)
    }
    self.flags = flags
    self.configurationFile = configurationFile
  }

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
    let resumed = try findCheckpoint(console: console)
    if let resumed { try applyResumed(resumed, console: console) }
    modelFile = try readModelFile(resumed: resumed, console: console)
    let asked = sources.configuration
    let (description, trainCount) = try group.agree {
      let options = try asked.dataOptions(modelFile: modelFile)
      let description = try datasetSource(named: asked.data, options: options).describe()
      if resumed == nil { try sources.refuseIdle(for: description) }
      return (description, try asked.split(description).trainCount)
    }
    return sources.describe(try resolve(description, trainCount: trainCount))
  }

  /// Everything up to the first step.
  package mutating func prepare(console: Console, purpose: Purpose) throws -> PreparedRun {
    group.watchdog.setLimits(.init(fixed: sources.configuration.hangTimeout))
    try checkLaunch()
    try compareConfigurations(console: console)
    var resumed = try findCheckpoint(console: console)
    if let resumed { try applyResumed(resumed, console: console) }
    modelFile = try readModelFile(resumed: resumed, console: console)
    let asked = sources.configuration
    group.own.enter(.loading)
    let data = try loadData(asked, standardization: resumed?.state.standardization)
    if let resumed {
      try compareData(data.description, with: resumed)
    } else {
      try group.agree { try sources.refuseIdle(for: data.description) }
    }
    let configuration = try resolve(data.description, trainCount: data.split.trainCount)
    group.watchdog.setLimits(
      .init(fixed: configuration.hangTimeout, roundSteps: configuration.localSteps))
    if group.isFirst {
      try advise(
        configuration, trainCount: data.split.trainCount, firstStep: resumed?.state.step ?? 0,
        console: console)
    }
    group.own.enter(.planning)
    let engine = try ComputeEngine(
      threads: configuration.threads ?? 1, precision: configuration.precision)
    let built = try group.agree { try plan(configuration, data: data, engine: engine) }
    built.plans.allocate()
    let affinity = try Affinity(group)
    if group.node.rank == 0, let advice = affinity.advice {
      console.logger.warning("\(group.hosts[group.nodeIndex]): \(advice)")
    }
    let policy = WaitPolicy(group: group, cores: affinity.nodeCores)
    let arena = try group.agree {
      try NodeArena(group: group, sizes: built.sizes, policy: policy)
    }
    let memory = try RunMemory(
      arena: arena, division: built.division, group: group, policy: policy)
    // A team of one host has nothing to move between hosts.
    let meetings = StepMeetings(
      arena: arena, team: built.team,
      exchange: built.outer == nil
        ? memory.exchange : try NodeExchange(hostOf: group, policy: policy))
    let reducer = GradientReducer(
      arena: arena, division: built.team.division, exchange: meetings.exchange,
      position: built.team.position, mode: configuration.reduction,
      compression: configuration.compress, tensors: built.plans.layout.tensorShapes)
    let folder =
      purpose == .train
      ? try openFolder(configuration, resumed: &resumed, console: console) : RunFolder("(none)")
    let store = CheckpointStore(
      folder: folder, layout: built.plans.layout,
      stateNames: configuration.stateNames(of: built.optimizer, outer: built.outer))
    let trainer: Trainer
    let outer: OuterStep?
    do {
      let staging = try makeStaging(
        memory, configuration, writes: purpose == .train, resumed: resumed)
      try fillParameters(
        memory, built, configuration, store: store, staging: staging, resumed: resumed,
        console: console)
      outer = built.outer.map {
        OuterStep(
          memory: memory, division: built.division, position: group.position,
          layout: built.plans.layout, optimizer: $0,
          learningRate: configuration.outerLearningRate)
      }
      trainer = try makeTrainer(
        built, configuration: configuration, data: data, memory: memory, meetings: meetings,
        reducer: reducer, outer: outer, store: store, staging: staging, resumed: resumed,
        console: console, writes: purpose == .train)
    } catch {
      folder.discard()
      throw error
    }
    describe(
      configuration, data: data, built: built, arena: arena, reducer: reducer, folder: folder,
      firstStep: resumed?.state.step, console: console)
    return PreparedRun(
      trainer: trainer, configuration: configuration,
      parameterCount: built.plans.layout.parameterCount,
      batchCount: configuration.batchCount(trainCount: data.split.trainCount), arena: arena,
      folder: folder, reducer: reducer, outer: outer, plans: built.plans,
      startedNanoseconds: started)
  }

  /// The configuration with everything filled in. Collective: every rank.
  func resolve(_ description: DatasetDescription, trainCount: Int) throws
    -> RunConfiguration
  {
    let affinity = try Affinity(group)
    var (configuration, threads) = try group.agree {
      try sources.locating {
        let configuration = try sources.configuration.resolved(
          for: description, trainCount: trainCount, worldSize: group.size,
          ranksPerNode: group.topology.ranksPerNode)
        let model = try makeModel(configuration, description)
        let parameters = try Plan.parameterCount(
          input: Shape([1] + description.featureShape), vocabulary: description.vocabularyCount,
          model: { model($0) })
        try MemoryPlan.check(parameters: parameters)
        let samples =
          configuration.batchCount(trainCount: trainCount) / configuration.tree().leafCount
        let threads = affinity.threads(
          parameters: parameters, samples: max(1, samples))
        return (configuration, configuration.threads ?? threads)
      }
    }
    // One number for the whole run: it is part of the arithmetic.
    threads = try group.world.allreduce(value: threads, .minimum)
    configuration.threads = threads
    return configuration
  }

  func describe(
    _ configuration: RunConfiguration, data: LoadedData, built: Built, arena: NodeArena,
    reducer: GradientReducer, folder: RunFolder, firstStep: Int?, console: Console
  ) {
    let ranks =
      (group.size == 1 ? "1 rank" : "\(group.size) ranks")
      + (group.nodeCount == 1 ? "" : " on \(group.nodeCount) hosts")
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
    if configuration.precision != .float32 {
      table.add(
        "precision", "\(configuration.precision.rawValue) in matrix products and convolutions")
    }
    table.add(
      "optimizer",
      "\(configuration.optimizer ?? ""), rate \(Format.short(configuration.learningRate ?? 0)), "
        + "\(configuration.schedule), batch "
        + "\(configuration.batchCount(trainCount: data.split.trainCount))")
    table.add(
      "ranks",
      "\(ranks), \(leaves) logical, \(configuration.threads ?? 1) thread(s) each, "
        + "\(built.team.division.published(on: built.team.node).count) gradient slots")
    if configuration.localSteps > 1 {
      table.add(
        "outer steps",
        "every \(configuration.localSteps), rate \(Format.short(configuration.outerLearningRate)), "
          + "Nesterov momentum \(Format.short(configuration.outerMomentum))")
    }
    table.add("memory", "\(built.memory.description) (\(arena.backing.rawValue))")
    table.add("run", folder.path + (firstStep.map { ", continued after step \($0)" } ?? ""))
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
  package let folder: RunFolder
  package let reducer: GradientReducer
  package let outer: OuterStep?
  package let plans: PlanCache
  package let startedNanoseconds: UInt64
}
