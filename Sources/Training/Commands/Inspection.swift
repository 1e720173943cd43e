import Basics
import DataParallel
import Datasets
import Graph
import Logging
import Models
import Optimizers
import Reports

/// `inspect`: what a model or a checkpoint consists of, without training.
package enum Inspection {
  /// A model by name or file: layers, parameters and memory for the options' data.
  package static func model(
    _ sources: ConfigurationSources, ranks: Int
  ) throws -> [String] {
    let asked = sources.configuration
    let description = try datasetSource(named: asked.data, options: asked.dataOptions()).describe()
    let split = try asked.split(description)
    try sources.refuseIdle(for: description)
    let configuration = try sources.locating {
      try asked.resolved(for: description, trainCount: split.trainCount, worldSize: ranks)
    }
    let leaves = configuration.tree().leafCount
    let leaf = (configuration.batchCount(trainCount: split.trainCount) + leaves - 1) / leaves
    let model = try Zoo.model(named: configuration.model ?? "", for: description.modelContext)
    try MemoryPlan.check(
      parameters: Plan.parameterCount(
        input: Shape([1] + description.featureShape), vocabulary: description.vocabularyCount,
        model: { model($0) }))
    let plan = try RunPlan(
      configuration, model: model, data: description, split: split,
      place: RunPlan.Place(
        topology: Topology(ranksOnOneHost: ranks), position: 0, host: hostName()),
      engine: ComputeEngine(
        threads: configuration.threads ?? 1, precision: configuration.precision))

    var layers = Table()
    layers.add("layer", "operation", "output", "parameters")
    for step in plan.plans.steps {
      let shape = Shape(Array(step.shape.extents.dropFirst()))
      layers.add(
        step.layer, step.operation, "\(shape)", Format.grouped(step.parameterCount))
    }
    return [
      "\(configuration.model ?? "") on \(configuration.data): sample "
        + "\(Shape(description.featureShape)), \(description.outputCount) outputs"
    ] + layers.lines + [""] + parameterLines(plan.plans.layout) + [
      "", "memory on \(ranks) rank(s), \(leaf) samples a leaf: \(plan.memory.description)",
    ]
  }

  /// A run or checkpoint: step, seed, logical ranks, parameters, checksums.
  package static func checkpoint(_ path: String) throws -> [String] {
    let console = Console(mode: .off, isQuiet: false)
    let model = try TrainedModel(path: path, warn: { console.logger.warning("\($0)") })
    let settings = model.state.settings
    let file = try SafetensorsFile(path: model.weights)
    var table = Table()
    table.add("step", "\(model.state.step) (epoch \(model.state.epoch))")
    table.add("samples seen", Format.grouped(model.state.samples))
    for name in [
      "model", "data", "optimizer", "lr", "precision", "seed", "logical-ranks", "threads",
    ] {
      if let value = settings[name] { table.add(name, value) }
    }
    if let best = model.state.best.first {
      table.add("best", "step \(best.step), \(settings["monitor"] ?? "") \(best.value)")
    }
    table.add(
      "written by", "\(model.state.platform.program), oneDNN \(model.state.platform.oneDNN)")
    table.add("weights", "\(model.weights)")
    table.add("sha256", try InputFile(path: model.weights).digest())
    var tensors = Table()
    tensors.add("parameter", "type", "shape", "count")
    for tensor in file.tensors {
      let shape = Shape(tensor.shape)
      tensors.add(tensor.name, tensor.type, "\(shape)", Format.grouped(shape.count))
    }
    return [path] + table.leftAligned + [""] + tensors.lines
  }

  private static func parameterLines(_ layout: ParameterLayout) -> [String] {
    var table = Table()
    table.add("parameter", "role", "shape", "count")
    for entry in layout.entries {
      table.add(
        entry.parameter.name, entry.parameter.role.rawValue, "\(Shape(entry.parameter.shape))",
        Format.grouped(entry.parameter.count))
    }
    table.add("total", "", "", Format.grouped(layout.parameterCount))
    return table.lines
  }
}
