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
      mode: sources.configuration.progress,
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

  /// Everything up to the first step. Collective: every rank.
  package mutating func prepare(console: Console, purpose: Purpose) throws -> PreparedRun {
    let run = try settle(console: console)
    return try build(run, console: console, purpose: purpose)
  }

  /// Says what the run is: reads checkpoint and data, and fills the configuration in. Collective:
  /// every rank.
  private mutating func settle(console: Console) throws -> SettledRun {
    group.watchdog.setLimits(.init(fixed: sources.configuration.hangTimeout))
    try checkLaunch()
    try compareConfigurations(console: console)
    let resumed = try findCheckpoint(console: console)
    if let resumed { try applyResumed(resumed, console: console) }
    modelFile = try readModelFile(resumed: resumed, console: console)
    group.own.enter(.loading)
    let data = try loadData(
      sources.configuration, standardization: resumed?.state.standardization)
    if let resumed {
      try compareData(data.description, with: resumed)
    } else {
      try group.agree { try sources.refuseIdle(for: data.description) }
    }
    let run = SettledRun(
      configuration: try resolve(data.description, trainCount: data.split.trainCount), data: data,
      resumed: resumed)
    group.watchdog.setLimits(
      .init(
        fixed: run.configuration.hangTimeout, roundSteps: run.configuration.localSteps))
    if group.isFirst { try advise(run, console: console) }
    return run
  }

  private func loadData(
    _ configuration: RunConfiguration, standardization: Standardization?
  ) throws -> LoadedData {
    let choice: LoadedData.StandardizationChoice =
      standardization.map { .stored($0) } ?? (configuration.standardize ? .compute : .none)
    let options = try group.agree { try configuration.dataOptions(modelFile: modelFile) }
    return try LoadedData(
      group: group, spec: configuration.data, options: options, split: configuration.split,
      standardize: choice)
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

  func makeModel(
    _ configuration: RunConfiguration, _ description: DatasetDescription
  ) throws -> any Model {
    let context = description.modelContext
    return try model?(context)
      ?? Zoo.model(named: configuration.model ?? "", file: modelFile, for: context)
  }
}

/// What a run is to be, before it takes its memory.
struct SettledRun {
  /// With everything filled in.
  let configuration: RunConfiguration
  let data: LoadedData
  var resumed: TrainingJob.Resumed?
  var trainCount: Int { data.split.trainCount }
  /// Steps taken before, in the run that is resumed.
  var firstStep: Int { resumed?.state.step ?? 0 }
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
