import Basics
import CKernels
import DataParallel
import Datasets
import Graph
import Logging
import MPI
import Optimizers
import Reports

/// What becomes of a run that is settled: its plan, the memory, and the trainer over them.
extension TrainingJob {
  /// Everything up to the first step. Collective: every rank.
  func build(_ run: SettledRun, console: Console, purpose: Purpose) throws -> PreparedRun {
    let plan = try makePlan(run)
    plan.plans.allocate()
    let (memory, meetings) = try makeMemory(plan, console: console)
    var run = run
    let folder = purpose == .train ? try openFolder(&run, console: console) : RunFolder("(none)")
    do {
      let parts = try makeParts(run, plan, memory, meetings, folder: folder, purpose: purpose)
      try fillParameters(run, parts, console: console)
      let outer = plan.outer.map {
        OuterStep(
          memory: memory, division: plan.division, position: group.position,
          layout: plan.plans.layout, optimizer: $0,
          learningRate: run.configuration.outerLearningRate)
      }
      let trainer = try makeTrainer(run, parts, outer: outer, console: console, purpose: purpose)
      summary(of: run, parts, folder: folder).leftAligned.forEach(console.line)
      return PreparedRun(
        trainer: trainer, configuration: run.configuration,
        parameterCount: plan.plans.layout.parameterCount,
        batchCount: run.configuration.batchCount(trainCount: run.trainCount), arena: memory.arena,
        folder: folder, reducer: parts.reducer, outer: outer, plans: plan.plans,
        startedNanoseconds: started)
    } catch {
      folder.discard()
      throw error
    }
  }

  private func makePlan(_ run: SettledRun) throws -> RunPlan {
    group.own.enter(.planning)
    let engine = try ComputeEngine(
      threads: run.configuration.threads ?? 1, precision: run.configuration.precision)
    return try group.agree {
      let plan = try RunPlan(
        run.configuration, model: makeModel(run.configuration, run.data.description),
        data: run.data.description, split: run.data.split,
        place: RunPlan.Place(
          topology: group.topology, position: group.position, host: group.hosts[group.nodeIndex]),
        engine: engine)
      if group.node.rank == 0 { try plan.memory.check() }
      return plan
    }
  }

  private func makeMemory(
    _ plan: RunPlan, console: Console
  ) throws -> (RunMemory, StepMeetings) {
    let affinity = try Affinity(group)
    if group.node.rank == 0, let advice = affinity.advice {
      console.logger.warning("\(group.hosts[group.nodeIndex]): \(advice)")
    }
    let policy = WaitPolicy(group: group, cores: affinity.nodeCores)
    let arena = try group.agree {
      try NodeArena(group: group, sizes: plan.sizes, policy: policy)
    }
    let memory = try RunMemory(
      arena: arena, division: plan.division, group: group, policy: policy)
    // A team of one host has nothing to move between hosts.
    let exchange =
      plan.outer == nil ? memory.exchange : try NodeExchange(hostOf: group, policy: policy)
    return (memory, StepMeetings(arena: arena, team: plan.team, exchange: exchange))
  }

  private func makeParts(
    _ run: SettledRun, _ plan: RunPlan, _ memory: RunMemory, _ meetings: StepMeetings,
    folder: RunFolder, purpose: Purpose
  ) throws -> RunParts {
    let configuration = run.configuration
    let reducer = GradientReducer(
      arena: memory.arena, division: plan.team.division, exchange: meetings.exchange,
      position: plan.team.position, mode: configuration.reduction,
      compression: configuration.compress, tensors: plan.plans.layout.tensorShapes)
    let store = CheckpointStore(
      folder: folder, layout: plan.plans.layout,
      stateNames: configuration.stateNames(of: plan.optimizer, outer: plan.outer))
    // What writes nothing may still resume, and has the whole state of several nodes nowhere else.
    let isStaged =
      configuration.stagesCheckpoints(over: group.topology)
      && (purpose == .train || (group.nodeCount > 1 && run.resumed != nil))
    let staging =
      isStaged ? try group.agree { try CheckpointStaging(group: group, memory: memory) } : nil
    return RunParts(
      plan: plan, memory: memory, meetings: meetings, reducer: reducer, store: store,
      staging: staging)
  }

  private func makeTrainer(
    _ run: SettledRun, _ parts: RunParts, outer: OuterStep?, console: Console, purpose: Purpose
  ) throws -> Trainer {
    let (configuration, data) = (run.configuration, run.data)
    let (plan, memory) = (parts.plan, parts.memory)
    let loss = try group.agree {
      let loss = try configuration.makeLoss(for: data.description)
      try data.checkTargets(for: loss)
      return loss
    }
    let assembler = BatchAssembler(data: data, loss: loss, seed: configuration.seed)
    let sampler = makeSampler(run)
    let coordinator = try makeCoordinator(run, parts, purpose: purpose)
    let recorder =
      purpose == .train ? try makeRecorder(run, parts, sampler: sampler, console: console) : nil
    return Trainer(
      group: group, memory: memory, meetings: parts.meetings,
      worker: LeafWorker(
        arena: memory.arena, reducer: parts.reducer, team: plan.team, plans: plan.plans,
        assembler: assembler, sampler: sampler, seed: configuration.seed),
      updater: SliceUpdater(
        meetings: parts.meetings, reducer: parts.reducer, layout: plan.plans.layout,
        optimizer: plan.optimizer, rules: plan.rules),
      replicas: ReplicaCheck(
        group: group, memory: memory, layout: plan.plans.layout,
        roundSteps: configuration.localSteps),
      outer: outer,
      evaluator: Evaluator(
        memory: memory, group: group, plans: plan.plans, assembler: assembler,
        chunkSize: configuration.evaluationChunk),
      rows: (.validation(data.split), .test(data.dataset)), coordinator: coordinator,
      stragglers: recorder == nil || group.size == 1
        ? nil
        : StragglerWatch(
          leaves: (0..<group.size).map { plan.division.leaves(of: $0).count },
          step: run.firstStep, now: ck_monotonic_ns()),
      recorder: recorder, staging: parts.staging, firstStep: run.firstStep)
  }

  private func makeSampler(_ run: SettledRun) -> EpochSampler {
    EpochSampler(
      split: run.data.split, text: run.data.description.text, seed: run.configuration.seed,
      shuffles: !run.configuration.noShuffle,
      batchCount: run.configuration.batchCount(trainCount: run.trainCount),
      stepsPerEpoch: run.configuration.stepsPerEpoch(trainCount: run.trainCount))
  }

  private func makeCoordinator(
    _ run: SettledRun, _ parts: RunParts, purpose: Purpose
  ) throws -> Coordinator {
    let configuration = run.configuration
    var coordinator = try group.agree {
      try Coordinator(
        configuration: configuration,
        schedule: configuration.makeSchedule(trainCount: run.trainCount),
        optimizer: parts.plan.optimizer,
        stepsPerEpoch: configuration.stepsPerEpoch(trainCount: run.trainCount),
        totalSteps: configuration.totalSteps(trainCount: run.trainCount),
        hasValidation: run.data.split.validationCount > 0, resuming: run.resumed?.state)
    }
    // What saves nothing is only measured, and not to be stopped.
    if purpose == .train {
      coordinator.time = TimeBudget(
        jobEnd: JobEnd.seconds(
          limit: configuration.timeLimit.flatMap(JobEnd.parse), startedNanoseconds: started),
        saveSeconds: parts.image.expectedSeconds)
    }
    return coordinator
  }

  /// On the first rank; nil on the others. Collective: every rank.
  private func makeRecorder(
    _ run: SettledRun, _ parts: RunParts, sampler: EpochSampler, console: Console
  ) throws -> Recorder? {
    let (configuration, data, store) = (run.configuration, run.data, parts.store)
    var recorder: Recorder?
    try group.onFirst {
      let metrics = try MetricsFile(path: store.folder.metrics, continuingAfter: run.firstStep)
      let journal = Journal(
        console: console, metrics: metrics, configuration: configuration,
        totalSteps: configuration.totalSteps(trainCount: run.trainCount),
        firstStep: run.firstStep, samplesBefore: sampler.samplesBefore)
      if run.resumed != nil { journal.didResume(step: run.firstStep, ranks: group.size) }
      let settings = ConfigurationSources.values(of: configuration, Setting.stored)
      let modelFile = modelFile
      let checkpointer = Checkpointer(
        store: store, image: parts.image, keep: configuration.keep,
        keepEvery: try configuration.keepEverySteps(stepsPerEpoch: sampler.stepsPerEpoch),
        roundSteps: configuration.localSteps, firstStep: run.firstStep
      ) { step, coordinator in
        CheckpointState(
          step: step, epoch: step / sampler.stepsPerEpoch,
          samples: sampler.samplesBefore(step: step),
          settings: settings, dataset: data.description, standardization: data.standardization,
          stopping: coordinator.stopping, plateau: coordinator.plateau,
          skipped: coordinator.skipped, updates: coordinator.updates, spikes: coordinator.spikes,
          best: coordinator.best, modelFile: modelFile)
      }
      recorder = Recorder(journal: journal, checkpointer: checkpointer)
    }
    return recorder
  }
}

/// A run's plan, and what was made after it.
struct RunParts {
  let plan: RunPlan
  let memory: RunMemory
  let meetings: StepMeetings
  let reducer: GradientReducer
  let store: CheckpointStore
  /// Where checkpoints are written from, unless it is the memory itself.
  let staging: CheckpointStaging?

  /// What a checkpoint is written from.
  var image: CheckpointImage {
    store.image(
      parameters: staging?.parameters ?? memory.arena.parameters,
      state: staging?.state ?? memory.arena.state)
  }
}
