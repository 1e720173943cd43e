import DataParallel
import Datasets
import Graph
import Reports

/// What a run says of itself before its first step.
extension TrainingJob {
  /// The table that a run begins with.
  func summary(of run: SettledRun, _ parts: RunParts, folder: RunFolder) -> Table {
    let (configuration, data, plan) = (run.configuration, run.data, parts.plan)
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
      "\(configuration.model ?? "own"): \(Format.grouped(plan.plans.layout.parameterCount)) parameters"
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
        + "\(plan.team.division.published(on: plan.team.node).count) gradient slots")
    if configuration.localSteps > 1 {
      table.add(
        "outer steps",
        "every \(configuration.localSteps), rate \(Format.short(configuration.outerLearningRate)), "
          + "Nesterov momentum \(Format.short(configuration.outerMomentum))")
    }
    table.add("memory", "\(plan.memory.description) (\(parts.memory.arena.backing.rawValue))")
    table.add(
      "run", folder.path + (run.resumed == nil ? "" : ", continued after step \(run.firstStep)"))
    return table
  }
}
