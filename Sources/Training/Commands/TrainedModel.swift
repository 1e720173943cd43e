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
  package let state: CheckpointState

  /// - Parameter takesMean: the running mean of the weights, which a run with `--ema` has.
  /// - Throws: `Failure.badData` where `path` is neither, or damaged.
  package init(path: String, takesMean: Bool = false, warn: (String) -> Void) throws {
    self.path = path
    guard access(path, F_OK) == 0 else {
      throw Failure.badData("\(path): no such run or checkpoint")
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
    } else if takesMean {
      throw Failure.usage(
        "ema: \(path) has no running mean of the weights",
        remedy: "A run with --ema writes \(result) when it ends.")
    } else {
      weights = found.checkpoint.path + "/model.safetensors"
    }
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
  ///   - split: a split of the run's own data; by default the test set, else the validation split.
  ///   - needsTargets: false where the data is only to be predicted.
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
    let loaded = try LoadedData(
      group: group, spec: asked.data,
      options: asked.dataOptions(requireTarget: needsTargets, expected: model.state.dataset),
      split: asked.split, standardize: model.state.standardization.map { .stored($0) } ?? .none)
    data = loaded
    rows = try group.agree {
      try ModelSession.rows(of: loaded, split: split, isOwnData: spec == nil)
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
      try CheckpointStore.loadWeights(model.weights, layout: layout, into: arena.parameters)
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
      case nil: isOwnData ? [test, .validation(data.split)] : [test, .training(data.split)]
      }
    guard let rows = candidates.first(where: { $0.count > 0 }) else {
      throw Failure.usage(
        "split: there are no \(split?.rawValue ?? "validation or test") rows",
        remedy: "Name another --split, or other --data.")
    }
    return rows
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
