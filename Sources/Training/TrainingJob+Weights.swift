import Basics
import DataParallel
import Graph
import Models
import Optimizers
import Reports

/// What the parameters are before the first step.
extension TrainingJob {
  /// Fresh weights, each rank its own slices, or those of a file or a checkpoint.
  func fillParameters(_ run: SettledRun, _ parts: RunParts, console: Console) throws {
    let (configuration, memory, arena) = (run.configuration, parts.memory, parts.memory.arena)
    let state = parts.staging?.state ?? arena.state
    let layout = parts.plan.plans.layout
    for block in parts.plan.division.ownBlocks(of: group.position) {
      let entry = layout.entries[layout.blocks[block].entry]
      let range = layout.blocks[block].range
      let initializer =
        configuration.initialization?.initializer(of: entry.parameter)
        ?? entry.parameter.initializer
      initializer.fill(
        arena.parameters + range.lowerBound,
        range: range.lowerBound - entry.offset..<range.upperBound - entry.offset,
        name: entry.parameter.name, seed: configuration.seed)
    }
    try memory.shareParameters()
    try group.onFirst {
      if let resumed = run.resumed {
        try parts.store.load(
          StoredCheckpoint(path: resumed.path), into: arena.parameters, state: state)
      } else if let path = configuration.initWeights {
        try loadInitialWeights(
          path, configuration, layout: layout, into: arena.parameters, console: console)
      }
    }
    try memory.fetchFromFirst(state: run.resumed == nil ? nil : state)
  }

  /// - Throws: `Failure.badData` naming option and file.
  private func loadInitialWeights(
    _ path: String, _ configuration: RunConfiguration, layout: ParameterLayout,
    into parameters: UnsafeMutablePointer<Float>, console: Console
  ) throws {
    do {
      guard configuration.initOrder else {
        return try CheckpointStore.loadWeights(path, layout: layout, into: parameters)
      }
      let names = try CheckpointStore.loadWeightsInOrder(path, layout: layout, into: parameters)
      // Two layers of one shape could be meant the other way round.
      let pairs = zip(layout.entries, names).map { "\($0.parameter.name) = \($1)" }
      console.line("weights in order: \(pairs.joined(separator: ", "))")
    } catch var failure as Failure {
      failure.message = "init-weights: " + failure.message
      if failure.remedy.isEmpty { failure.remedy = "Name a safetensors file of this model." }
      throw failure
    }
  }
}
