import Basics
import DataParallel
import Datasets
import Graph
import Models
import Optimizers

/// What a run will need, worked out from plain values before any of it is taken: a plan for every
/// batch that a rank meets, who computes and updates what, and the memory of it all.
///
/// `train` takes what `inspect` only states: both have it from here.
struct RunPlan {
  /// Where a rank stands among all.
  struct Place {
    let topology: Topology
    /// In (node, local rank) order.
    let position: Int
    /// The name of its host.
    let host: String
    var node: Int { topology.node(of: position) }
  }

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
  /// Of the rank's node, with the rank's own private bytes.
  let memory: MemoryPlan

  /// - Parameter configuration: with everything filled in.
  /// - Throws: `Failure` where model, data, configuration and ranks do not fit one another.
  init(
    _ configuration: RunConfiguration, model: any Model, data: DatasetDescription,
    split: DataSplit, place: Place, engine: ComputeEngine
  ) throws {
    let topology = place.topology
    if configuration.reduction == .fast && topology.ranksPerNode == nil {
      throw Failure.usage(
        "reduction fast: the hosts have "
          + topology.nodes.map { "\($0.count)" }.joined(separator: ", ") + " ranks",
        remedy: "Start equally many on every host, or leave it out.")
    }
    let evaluated = [split.validationCount, data.rows[.test] ?? 0]
    plans = try RunPlan.plans(
      configuration, model: model, data: data, trainCount: split.trainCount,
      evaluated: evaluated, place: place, engine: engine)
    let layout = plans.layout
    division = WorkDivision(
      topology: topology, tree: configuration.tree(), blocks: layout.blocks.map(\.range),
      bucketElements: topology.bucketElements(mebibytes: configuration.bucketMebibytes))
    team = try RunPlan.team(configuration, division, place)
    optimizer = try OptimizerRegistry.make(
      configuration.optimizer ?? "adam", configuration.hyperParameters)
    outer = try configuration.makeOuterOptimizer()
    rules = try UpdateRules(configuration, layout: layout, weightDecay: optimizer.weightDecay)
    sizes = NodeArena.Sizes(
      parameters: layout.arenaCount,
      state: configuration.stateLayouts(
        of: optimizer, team, outer: outer, division, node: place.node,
        parameterCount: layout.arenaCount),
      gradientSlots: max(1, team.division.published(on: team.node).count),
      leaves: division.tree.leafCount, blocks: layout.blocks.count,
      chunks: evaluated.map { Evaluator.chunkCount($0, chunk: configuration.evaluationChunk) }.max()
        ?? 0,
      buckets: team.division.buckets.count)
    memory = MemoryPlan(
      rankBytes: plans.byteCount
        + RunPlan.reductionBytes(configuration, team, layout)
        + (outer == nil ? 0 : OuterStep.byteCount(division, position: place.position)),
      localRanks: topology.nodes[place.node].count, windowBytes: sizes.byteCount,
      stagingBytes: configuration.stagesCheckpoints(over: topology) && place.node == 0
        ? CheckpointStaging.byteCount(sizes) : 0,
      dataBytes: data.byteCount)
  }

  /// A plan for each size of the rank's leaves, in whole batches and in the short last one, and of
  /// the evaluations' chunks.
  /// - Parameter evaluated: rows of each part that is evaluated.
  private static func plans(
    _ configuration: RunConfiguration, model: any Model, data: DatasetDescription,
    trainCount: Int, evaluated: [Int], place: Place, engine: ComputeEngine
  ) throws -> PlanCache {
    let batch = configuration.batchCount(trainCount: trainCount)
    let lastBatch = trainCount % batch
    let batches = lastBatch == 0 || configuration.dropLast ? [batch] : [batch, lastBatch]
    // Only leaves are needed for batch sizes: the blocks come from the plans.
    let leaves = WorkDivision(topology: place.topology, tree: configuration.tree(), blocks: [])
    let training = leaves.leaves(of: place.position).flatMap { leaf in
      batches.map { leaves.samples(ofLeaf: leaf, batch: $0).count }
    }
    let plans = try PlanCache(
      model: model, sampleShape: data.featureShape, vocabulary: data.vocabularyCount,
      loss: configuration.makeLoss(for: data), engine: engine, training: Set(training),
      evaluation: evaluated.reduce(into: []) {
        $0.formUnion(Evaluator.chunkSizes($1, chunk: configuration.evaluationChunk))
      })
    let outputs = data.outputCount * data.targetPositions
    if plans.outputCount != outputs {
      throw Failure(
        ModelFile.isPath(configuration.model ?? "") ? .badData : .usage,
        "the model has \(plans.outputCount) outputs, the data needs \(outputs)",
        remedy: "Change the model's last layer.")
    }
    return plans
  }

  /// - Throws: `Failure.usage` where a host would have nothing to train on alone.
  private static func team(
    _ configuration: RunConfiguration, _ division: WorkDivision, _ place: Place
  ) throws -> StepTeam {
    if configuration.localSteps == 1 { return StepTeam(all: division, position: place.position) }
    guard let team = StepTeam(hostOf: place.position, in: division) else {
      throw Failure.usage(
        "local-steps: host \(place.host) has none of the \(division.tree.leafCount) leaves of a "
          + "step to train on",
        remedy: "Set --logical-ranks to at least the number of ranks, \(division.rankCount).")
    }
    return team
  }

  /// Private bytes of the rank of this node whose reduction takes most.
  private static func reductionBytes(
    _ configuration: RunConfiguration, _ team: StepTeam, _ layout: ParameterLayout
  ) -> Int {
    team.division.topology.nodes[team.node].map {
      GradientReducer.byteCount(
        team.division, position: $0, parameters: layout.arenaCount, mode: configuration.reduction,
        compression: configuration.compress, tensors: layout.tensorShapes)
    }.max() ?? 0
  }
}

extension RunConfiguration {
  /// Whether checkpoints are written from a copy: while training goes on, or because no node has
  /// the whole state.
  func stagesCheckpoints(over topology: Topology) -> Bool {
    checkpointMode == .async || topology.nodes.count > 1
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
