import Basics
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
    return try LoadedData(
      group: group, spec: configuration.data, options: dataOptions(configuration),
      split: { try split($0, configuration) }, standardize: choice)
  }

  func dataOptions(_ configuration: RunConfiguration) -> DataOptions {
    DataOptions(
      target: configuration.target, task: configuration.task,
      testData: configuration.testData, validationData: configuration.validationData)
  }

  func split(
    _ description: DatasetDescription, _ configuration: RunConfiguration
  ) throws -> DataSplit {
    try DataSplit(
      trainRows: description.rows[.train] ?? 0,
      explicitValidationRows: description.rows[.validation] ?? 0,
      validationFraction: configuration.validationFraction, seed: configuration.seed,
      shuffle: !configuration.noShuffle)
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
    let division: WorkDivision
    let optimizer: any Optimizer
    let sizes: NodeArena.Sizes
    let memory: MemoryPlan
  }

  func plan(
    _ configuration: RunConfiguration, data: LoadedData, engine: ComputeEngine
  ) throws -> Built {
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
      topology: group.topology, tree: tree, blocks: plans.layout.blocks.map(\.range),
      bucketElements: group.bucketElements)
    let optimizer = try OptimizerRegistry.make(
      configuration.optimizer ?? "adam", configuration.hyperParameters)
    let sizes = NodeArena.Sizes(
      parameters: plans.layout.arenaCount, stateSlots: optimizer.stateNames.count,
      gradientSlots: max(1, division.published(on: group.nodeIndex).count), leaves: tree.leafCount,
      blocks: plans.layout.blocks.count,
      chunks: evaluated.map { Evaluator.chunkCount($0, chunk: configuration.evalBatch) }.max() ?? 0,
      buckets: division.buckets.count)
    let reduction = group.topology.nodes[group.nodeIndex].map {
      GradientReducer.byteCount(division, position: $0, parameters: plans.layout.arenaCount)
    }
    let memory = MemoryPlan(
      rankBytes: plans.byteCount + (reduction.max() ?? 0),
      localRanks: group.node.size, windowBytes: sizes.byteCount,
      dataBytes: data.description.byteCount)
    if group.node.rank == 0 { try memory.check() }
    return Built(
      plans: plans, division: division, optimizer: optimizer, sizes: sizes, memory: memory)
  }

  func makeTrainer(
    _ built: Built, configuration: RunConfiguration, data: LoadedData, memory: RunMemory,
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
        console: console, metrics: metrics, store: store, arena: memory.arena,
        configuration: configuration, data: data, modelFile: modelFile, totalSteps: totalSteps,
        firstStep: firstStep,
        samplesBefore: sampler.samplesBefore)
      if resumed != nil { pen.didResume(step: firstStep, ranks: group.size) }
      journal = pen
    }
    return Trainer(
      group: group, memory: memory,
      worker: LeafWorker(
        arena: memory.arena, reducer: reducer, division: built.division, plans: built.plans,
        assembler: assembler, sampler: sampler),
      updater: SliceUpdater(
        memory: memory, reducer: reducer, tree: built.division.tree, layout: built.plans.layout,
        optimizer: built.optimizer, penalty: configuration.penalty,
        clipping: configuration.clipping, decayExclude: configuration.decayExclude),
      replicas: ReplicaCheck(
        group: group, arena: memory.arena, layout: built.plans.layout),
      evaluator: Evaluator(
        memory: memory, group: group, plans: built.plans, assembler: assembler,
        chunkSize: configuration.evalBatch),
      rows: (.validation(data.split), .test(data.dataset)), coordinator: coordinator,
      journal: journal, firstStep: firstStep)
  }
}
