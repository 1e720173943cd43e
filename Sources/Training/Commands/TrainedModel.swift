import Basics
package import DataParallel
import Datasets
import FoundationEssentials
import Glibc
package import Graph
import Logging
import MPI
import Models
import Reports

/// A trained model on disk: a run folder or one checkpoint, with what it needs to be used: its
/// configuration, its data's description, its standardization.
package struct TrainedModel: Codable {
  package let path: String
  /// The weights: a run's `model.safetensors` where it has one, else the checkpoint's.
  package let weights: String
  /// Whether they are the running mean in a checkpoint's `optimizer.safetensors`.
  private let areAveraged: Bool
  package let state: CheckpointState

  /// - Parameter takesMean: the running mean of the weights, which a run with `--ema` has.
  /// - Throws: `Failure.badData` where `path` is neither, or damaged.
  package init(path: String, takesMean: Bool = false, warn: (String) -> Void) throws {
    self.path = path
    guard access(path, F_OK) == 0 else {
      throw Failure.badData(
        "\(path): no such run or checkpoint",
        remedy: "Name a run's folder, as runs/NAME, or a checkpoint's in it.")
    }
    let isCheckpoint = access(path + "/SHA256SUMS", F_OK) == 0
    guard isCheckpoint || !RunFolder(path).steps().isEmpty else {
      throw Failure.badData(
        "\(path): neither a checkpoint nor a run that has one",
        remedy: "Name a folder that holds SHA256SUMS, or checkpoints/ with one in it.")
    }
    guard
      let found = try StoredCheckpoint.find(
        isCheckpoint ? path : "latest", run: isCheckpoint ? nil : path, warn: warn)
    else { throw Failure.badData("\(path): no checkpoint") }
    state = found.checkpoint.state
    let folder = RunFolder(path)
    let result = takesMean ? folder.averagedModel : folder.model
    if !isCheckpoint && access(result, F_OK) == 0 {
      try ResultSum.check(result)
      weights = result
      areAveraged = false
      return
    }
    areAveraged = takesMean
    weights = found.checkpoint.path + (takesMean ? "/optimizer" : "/model") + ".safetensors"
    if takesMean && state.settings["ema"] == nil {
      throw Failure.usage(
        "ema: \(path) has no running mean of the weights",
        remedy: "A run with --ema keeps one; leave it out here.")
    }
  }

  /// - Throws: `Failure.badData`.
  func load(
    into parameters: UnsafeMutablePointer<Float>, _ layout: ParameterLayout
  ) throws {
    try areAveraged
      ? CheckpointStore.loadAverage(weights, layout: layout, into: parameters)
      : CheckpointStore.loadWeights(weights, layout: layout, into: parameters)
  }

  /// The step that made the weights: the best one's where a run's result was restored from it.
  package func step() throws -> Int {
    let configuration = try configuration()
    let isBest =
      weights == RunFolder(path).model && configuration.earlyStopping && configuration.restoreBest
    return isBest ? state.best.first?.step ?? state.step : state.step
  }

  /// Read by the first rank, known to all. Collective: every rank.
  package static func shared(
    _ path: String, takesMean: Bool, group: RankGroup
  ) throws -> TrainedModel {
    let bytes = try group.bytesFromFirst {
      let console = Console(mode: .off, isQuiet: false)
      let model = try TrainedModel(
        path: path, takesMean: takesMean, warn: { console.logger.warning("\($0)") })
      return Array(try JSONEncoder().encode(model))
    }
    return try JSONDecoder().decode(TrainedModel.self, from: Data(bytes))
  }

  /// - Throws: `Failure.usage` where the model predicts tokens and not one thing a row.
  package func requireRows() throws {
    if state.dataset.text != nil {
      throw Failure.usage(
        "\(path): a model of text has no predictions to write to a file",
        remedy: "Let it continue a --prompt.")
    }
  }

  package func configuration() throws -> RunConfiguration {
    try state.configuration(origin: path).configuration
  }
}

/// A trained model in memory with data to apply it to, on all ranks of a node.
package final class ModelSession {
  package let configuration: RunConfiguration
  package let data: LoadedData
  package let layout: ParameterLayout
  private let group: RankGroup
  private let plans: PlanCache
  private let memory: RunMemory
  private let rows: EvaluationRows
  private let assembler: BatchAssembler

  /// Collective: every rank.
  /// - Parameters:
  ///   - spec: other data than the run's; all its rows are then used (an IDX folder's test set).
  ///     With a `split` it may be the run's own, which has moved.
  ///   - split: by default the test set, else the validation split.
  ///   - needsTargets: false where the data is only to be predicted.
  /// - Throws: `Failure.badData` where the run's own data is no longer what it was trained on.
  package init(
    _ model: TrainedModel, group: RankGroup, data spec: String?, split: SplitName?,
    needsTargets: Bool
  ) throws {
    self.group = group
    let configuration = try group.agree { try model.configuration() }
    self.configuration = configuration
    let asked = spec.map(configuration.applied) ?? configuration
    group.watchdog.setLimits(.init(fixed: configuration.hangTimeout))
    group.own.enter(.loading)
    let stored = model.state.dataset
    let options = try group.agree {
      try asked.requireDataFiles(naming: "data") { _ in spec == nil ? model.path : "--data" }
      return try asked.dataOptions(requireTarget: needsTargets, expected: stored)
    }
    let loaded = try LoadedData(
      group: group, spec: asked.data, options: options,
      split: { found in
        let hasMoved = split != nil && found.change(since: stored) == nil
        return try (hasMoved ? configuration : asked).split(found)
      }, standardize: model.state.standardization.map { .stored($0) } ?? .none)
    data = loaded
    let chosen = try group.agree {
      try ModelSession.rows(of: loaded, split: split, isOwnData: spec == nil)
    }
    rows = chosen
    if spec == nil {
      try group.agree {
        try ModelSession.requireUnchanged(
          loaded.description, since: stored, rows: chosen, isSpeaker: group.isFirst)
      }
    }
    let loss = try group.agree { try configuration.makeLoss(for: model.state.dataset) }
    assembler = BatchAssembler(data: loaded, loss: loss, seed: configuration.seed)
    let engine = try ComputeEngine(
      threads: configuration.threads ?? 1, precision: configuration.precision.portable)
    let chunk = configuration.evaluationChunk
    let count = rows.count
    plans = try group.agree {
      try PlanCache(
        model: Zoo.model(
          named: configuration.model ?? "", file: model.state.modelFile,
          for: model.state.dataset.modelContext),
        sampleShape: model.state.dataset.featureShape,
        vocabulary: model.state.dataset.vocabularyCount, loss: loss, engine: engine, training: [],
        evaluation: Evaluator.chunkSizes(count, chunk: chunk))
    }
    plans.allocate()
    layout = plans.layout
    let policy = WaitPolicy(group: group, cores: try Affinity(group).nodeCores)
    let arena = try NodeArena(
      group: group,
      sizes: NodeArena.Sizes(
        parameters: plans.layout.arenaCount, state: [], gradientSlots: 0, leaves: 1, blocks: 1,
        chunks: Evaluator.chunkCount(count, chunk: chunk)),
      policy: policy)
    memory = try RunMemory(
      arena: arena,
      division: WorkDivision(
        topology: group.topology, tree: CanonicalTree(leafCount: 1, groupSize: 1), blocks: []),
      group: group, policy: policy)
    try group.onFirst {
      try model.load(into: arena.parameters, layout)
    }
    try memory.fetchFromFirst()
  }

  private static func rows(
    of data: LoadedData, split: SplitName?, isOwnData: Bool
  ) throws -> EvaluationRows {
    let test = EvaluationRows.test(data.dataset)
    let candidates: [EvaluationRows] =
      switch split {
      case .test: [test]
      case .val: [.validation(data.split)]
      case .train: [.training(data.split)]
      case .data, nil: isOwnData ? [test, .validation(data.split)] : [test, .all(data.dataset)]
      }
    guard let rows = candidates.first(where: { $0.count > 0 }) else {
      throw Failure.usage(
        "split: there are no \(split?.rawValue ?? "validation or test") rows",
        remedy: "Name another --split, or other --data.")
    }
    return rows
  }

  /// Which rows were trained on and which held back depends on all of the data. A test set is
  /// apart: as long as it has its rows, other changes are only told.
  private static func requireUnchanged(
    _ found: DatasetDescription, since stored: DatasetDescription, rows: EvaluationRows,
    isSpeaker: Bool
  ) throws {
    guard rows.split == .test, found.rows[.test] == stored.rows[.test] else {
      return try found.requireUnchanged(
        since: stored,
        remedy: "Bring the old files back, or use all of its rows with --data \(found.name).")
    }
    if isSpeaker, let change = found.change(since: stored) {
      Console(mode: .off, isQuiet: false).logger.warning(
        "\(found.name) has changed since the run was started: \(change)")
    }
  }

  /// Loss and metrics, the same on every rank and for any number of them. Collective.
  ///
  /// - Parameter k: asks for a report of the classes, with the share of labels among the k largest
  ///   outputs.
  /// - Throws: `Failure.usage` where there are no classes to report.
  package func evaluate(classesTopK k: Int?) throws -> (Evaluation, ClassReport?) {
    var report = try group.agree { try k.map { try ClassReport(of: data.description, k: $0) } }
    let evaluation = try Evaluator(
      memory: memory, group: group, plans: plans, assembler: assembler,
      chunkSize: configuration.evaluationChunk
    ).evaluate(rows, report: &report)
    return (evaluation, report)
  }

  /// The model's outputs, one row a sample in the data's own order, whole on the first node.
  /// Collective: every rank.
  package func predict() throws -> Predictions {
    let numbers = (0..<rows.count).map(rows.row).sorted()
    let width = plans.outputCount
    let segment = try SharedSegment(
      in: group, byteCount: rows.count * width * 4, purpose: "the predictions")
    let values = segment.base.bindMemory(to: Float.self, capacity: rows.count * width)
    let size = configuration.evaluationChunk
    let chunks = Evaluator.chunkCount(rows.count, chunk: size)
    func ownRows(_ rank: Int) -> Range<Int> {
      let share = evenShare(chunks, rank: rank, of: group.size)
      return min(share.lowerBound * size, rows.count)..<min(share.upperBound * size, rows.count)
    }
    for chunk in evenShare(chunks, rank: group.position, of: group.size) {
      let range = chunk * size..<min((chunk + 1) * size, rows.count)
      for (sample, position) in range.enumerated() {
        assembler.copy(.row(numbers[position], rows.part), to: sample, of: plans)
      }
      let plan = try plans.evaluation(batch: range.count, parameters: memory.arena.parameters)
      _ = try plan.run()
      (values + range.lowerBound * width).update(from: plan.output, count: range.count * width)
    }
    try memory.exchange.collect(
      SharedSection(
        base: segment.base,
        owned: (0..<group.size).map { rank in
          let own = ownRows(rank)
          return [own.lowerBound * width * 4..<own.upperBound * width * 4]
        }))
    memory.arena.barrier()
    return Predictions(rows: numbers, outputs: width, values: UnsafePointer(values))
  }
}
