import Basics
import CKernels
import DataParallel
import Datasets
import Graph
import Models
import MPI
import Optimizers
import Reports

/// What a run is made of: data, plans, the division of work, and the trainer over them.
extension TrainingJob {
  func loadData(
    _ configuration: RunConfiguration, standardization: Standardization?
  ) throws -> LoadedData {
    let choice: LoadedData.StandardizationChoice =
      standardization.map { .stored($0) } ?? (configuration.standardize ? .compute : .none)
    let options = try group.agree { try configuration.dataOptions(modelFile: modelFile) }
    return try LoadedData(
      group: group, spec: configuration.data, options: options, split: configuration.split,
      standardize: choice)
  }

  func makeModel(
    _ configuration: RunConfiguration, _ description: DatasetDescription
  ) throws -> any Model {
    let context = description.modelContext
    return try model?(context)
      ?? Zoo.model(named: configuration.model ?? "", file: modelFile, for: context)
  }

  struct Built {
    let plans: PlanCache
    /// Of the whole run.
    let division: WorkDivision
    /// Who takes a step together.
    let team: StepTeam
    let optimizer: any Optimizer
    /// Of outer steps, where there are any.
    let outer: (any Optimizer)?
    let rules: UpdateRules
    let sizes: NodeArena.Sizes
    let memory: MemoryPlan
  }

  func plan(
    _ configuration: RunConfiguration, data: LoadedData, engine: ComputeEngine
  ) throws -> Built {
    if configuration.reduction == .fast && group.topology.ranksPerNode == nil {
      throw Failure.usage(
        "reduction fast: the hosts have "
          + group.topology.nodes.map { "\($0.count)" }.joined(separator: ", ") + " ranks",
        remedy: "Start equally many on every host, or leave it out.")
    }
    let model = try makeModel(configuration, data.description)
    let tree = configuration.tree()
    let trainCount = data.split.trainCount
    let batch = configuration.batchCount(trainCount: trainCount)
    let lastBatch = trainCount % batch
    // Only leaves are needed for batch sizes: the blocks come from the plans.
    let leaves = WorkDivision(topology: group.topology, tree: tree, blocks: [])
    let batches = Set(lastBatch == 0 || configuration.dropLast ? [batch] : [batch, lastBatch])
    let training = Set(
      leaves.leaves(of: group.position).flatMap { leaf in
        batches.map { leaves.samples(ofLeaf: leaf, batch: $0).count }
      })
    let evaluated = [data.split.validationCount, data.dataset.rows(.test)]
    let plans = try PlanCache(
      model: model, sampleShape: data.description.featureShape,
      vocabulary: data.description.vocabularyCount,
      loss: configuration.makeLoss(for: data.description), engine: engine, training: training,
      evaluation: evaluated.reduce(into: []) {
        $0.formUnion(Evaluator.chunkSizes($1, chunk: configuration.evaluationChunk))
      })
    let outputs = data.description.outputCount * data.description.targetPositions
    if plans.outputCount != outputs {
      throw Failure(
        modelFile == nil ? .usage : .badData,
        "the model has \(plans.outputCount) outputs, the data needs \(outputs)",
        remedy: "Change the model's last layer.")
    }
    let division = WorkDivision(
      topology: group.topology, tree: tree, blocks: plans.layout.blocks.map(\.range),
      bucketElements: group.bucketElements(mebibytes: configuration.bucketMebibytes))
    let team = try team(configuration, division)
    let optimizer = try OptimizerRegistry.make(
      configuration.optimizer ?? "adam", configuration.hyperParameters)
    let outer = try configuration.makeOuterOptimizer()
    let rules = try UpdateRules(
      configuration, layout: plans.layout, weightDecay: optimizer.weightDecay)
    let sizes = NodeArena.Sizes(
      parameters: plans.layout.arenaCount,
      state: configuration.stateLayouts(
        of: optimizer, team, outer: outer, division, node: group.nodeIndex,
        parameterCount: plans.layout.arenaCount),
      gradientSlots: max(1, team.division.published(on: team.node).count), leaves: tree.leafCount,
      blocks: plans.layout.blocks.count,
      chunks: evaluated.map { Evaluator.chunkCount($0, chunk: configuration.evaluationChunk) }.max()
        ?? 0,
      buckets: team.division.buckets.count)
    let reduction = team.division.topology.nodes[team.node].map {
      GradientReducer.byteCount(
        team.division, position: $0, parameters: plans.layout.arenaCount,
        mode: configuration.reduction,
        compression: configuration.compress, tensors: plans.layout.tensorShapes)
    }
    let joining =
      outer == nil ? 0 : OuterStep.byteCount(division, position: group.position)
    let memory = MemoryPlan(
      rankBytes: plans.byteCount + (reduction.max() ?? 0) + joining,
      localRanks: group.node.size, windowBytes: sizes.byteCount,
      stagingBytes: needsStaging(configuration) && group.nodeIndex == 0
        ? CheckpointStaging.byteCount(sizes) : 0,
      dataBytes: data.description.byteCount)
    if group.node.rank == 0 { try memory.check() }
    return Built(
      plans: plans, division: division, team: team, optimizer: optimizer, outer: outer,
      rules: rules, sizes: sizes, memory: memory)
  }

  /// - Throws: `Failure.usage` where a host would have nothing to train on alone.
  private func team(_ configuration: RunConfiguration, _ division: WorkDivision) throws -> StepTeam
  {
    if configuration.localSteps == 1 { return StepTeam(all: division, position: group.position) }
    guard let team = StepTeam(hostOf: group.position, in: division) else {
      throw Failure.usage(
        "local-steps: host \(group.hosts[group.nodeIndex]) has none of the "
          + "\(division.tree.leafCount) leaves of a step to train on",
        remedy: "Set --logical-ranks to at least the number of ranks, \(group.size).")
    }
    return team
  }

  /// Whether checkpoints are written from a copy: while training goes on, or because no node has
  /// the whole state.
  private func needsStaging(_ configuration: RunConfiguration) -> Bool {
    configuration.checkpointMode == .async || group.nodeCount > 1
  }

  /// Collective: every rank.
  func makeStaging(
    _ memory: RunMemory, _ configuration: RunConfiguration, writes: Bool, resumed: Resumed?
  ) throws -> CheckpointStaging? {
    // What writes nothing may still resume.
    let isUsed = writes || (group.nodeCount > 1 && resumed != nil)
    guard isUsed, needsStaging(configuration) else { return nil }
    return try group.agree { try CheckpointStaging(group: group, memory: memory) }
  }

  func makeTrainer(
    _ built: Built, configuration: RunConfiguration, data: LoadedData, memory: RunMemory,
    meetings: StepMeetings, reducer: GradientReducer, outer: OuterStep?, store: CheckpointStore,
    staging: CheckpointStaging?, resumed: Resumed?, console: Console, writes: Bool
  ) throws -> Trainer {
    let trainCount = data.split.trainCount
    let sampler = EpochSampler(
      split: data.split, text: data.description.text, seed: configuration.seed,
      shuffles: !configuration.noShuffle,
      batchCount: configuration.batchCount(trainCount: trainCount),
      stepsPerEpoch: configuration.stepsPerEpoch(trainCount: trainCount))
    let loss = try group.agree {
      let loss = try configuration.makeLoss(for: data.description)
      try data.checkTargets(for: loss)
      return loss
    }
    let assembler = BatchAssembler(data: data, loss: loss, seed: configuration.seed)
    let totalSteps = configuration.totalSteps(trainCount: trainCount)
    let (planned, keepEvery) = try group.agree {
      let schedule = try configuration.makeSchedule(trainCount: trainCount)
      let coordinator = try Coordinator(
        configuration: configuration, schedule: schedule, optimizer: built.optimizer,
        stepsPerEpoch: sampler.stepsPerEpoch, totalSteps: totalSteps,
        hasValidation: data.split.validationCount > 0, resuming: resumed?.state)
      return (
        coordinator, try configuration.keepEverySteps(stepsPerEpoch: sampler.stepsPerEpoch)
      )
    }
    let firstStep = resumed?.state.step ?? 0
    let image = store.image(
      parameters: staging?.parameters ?? memory.arena.parameters,
      state: staging?.state ?? memory.arena.state)
    var journal: Journal?
    var checkpointer: Checkpointer?
    try group.onFirst {
      guard writes else { return }
      let metrics = try MetricsFile(path: store.folder.metrics, continuingAfter: firstStep)
      let pen = Journal(
        console: console, metrics: metrics, configuration: configuration, totalSteps: totalSteps,
        firstStep: firstStep, samplesBefore: sampler.samplesBefore)
      if resumed != nil { pen.didResume(step: firstStep, ranks: group.size) }
      journal = pen
      let settings = ConfigurationSources.values(of: configuration.withoutPlace)
      let modelFile = modelFile
      checkpointer = Checkpointer(
        store: store, image: image, keep: configuration.keep, keepEvery: keepEvery,
        roundSteps: configuration.localSteps, firstStep: firstStep
      ) { step, coordinator in
        CheckpointState(
          step: step, epoch: step / sampler.stepsPerEpoch,
          samples: sampler.samplesBefore(step: step),
          settings: settings, dataset: data.description, standardization: data.standardization,
          stopping: coordinator.stopping, plateau: coordinator.plateau,
          skipped: coordinator.skipped,
          updates: coordinator.updates, spikes: coordinator.spikes, best: coordinator.best,
          modelFile: modelFile)
      }
    }
    var coordinator = planned
    if writes {
      coordinator.saveSeconds = image.expectedSeconds
      coordinator.jobEnd = JobEnd.seconds(
        limit: configuration.timeLimit.flatMap(JobEnd.parse), startedNanoseconds: started)
    }
    return Trainer(
      group: group, memory: memory, meetings: meetings,
      worker: LeafWorker(
        arena: memory.arena, reducer: reducer, team: built.team, plans: built.plans,
        assembler: assembler, sampler: sampler, seed: configuration.seed),
      updater: SliceUpdater(
        meetings: meetings, reducer: reducer, layout: built.plans.layout,
        optimizer: built.optimizer, rules: built.rules),
      replicas: ReplicaCheck(
        group: group, memory: memory, layout: built.plans.layout,
        roundSteps: configuration.localSteps),
      outer: outer,
      evaluator: Evaluator(
        memory: memory, group: group, plans: built.plans, assembler: assembler,
        chunkSize: configuration.evaluationChunk),
      rows: (.validation(data.split), .test(data.dataset)), coordinator: coordinator,
      stragglers: journal == nil || group.size == 1
        ? nil
        : StragglerWatch(
          leaves: (0..<group.size).map { built.division.leaves(of: $0).count }, step: firstStep,
          now: ck_monotonic_ns()),
      journal: journal, checkpointer: checkpointer, staging: staging, firstStep: firstStep)
  }
}

extension ParameterLayout {
  /// The parameters as matrices: [out, rest] where they have two dimensions or more.
  var tensorShapes: [TensorShape] {
    entries.map {
      TensorShape(
        elements: $0.range, rows: $0.parameter.shape.count > 1 ? $0.parameter.shape[0] : 1)
    }
  }
}
