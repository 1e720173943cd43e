import Basics
package import DataParallel
package import Datasets
package import Graph
package import Models
import Optimizers

extension RunConfiguration {
  /// Fills in what depends on the data and on the machine, and refuses what does not fit.
  ///
  /// - Parameters:
  ///   - worldSize: one leaf a rank unless `logicalRanks` says otherwise.
  ///   - ranksPerNode: where all nodes have equally many, they are the groups of those leaves.
  /// - Throws: `Failure.usage`.
  package func resolved(
    for description: DatasetDescription, trainCount: Int, worldSize: Int,
    ranksPerNode: Int? = nil
  ) throws -> RunConfiguration {
    var result = self
    result.chooseDefaults(for: description)
    result.logicalRanks =
      logicalRanks ?? LogicalRanks(count: worldSize, groupSize: ranksPerNode ?? worldSize)
    try result.checkTask(description)
    try result.refuseCombinations()
    try result.checkSteps(trainCount: trainCount)
    return result
  }

  /// What the data suggests where nothing was asked for.
  private mutating func chooseDefaults(for description: DatasetDescription) {
    let isPerceptron = model == "perceptron"
    let isDigits = data == "digits"
    task = task ?? description.task
    loss =
      loss
      ?? (isPerceptron ? "perceptron" : description.isClassification ? "cross-entropy" : "mse")
    model = model ?? (isDigits ? "mlp:64" : description.defaultModel)
    // The perceptron rule: every error moves the weights by the sample itself.
    if isPerceptron && optimizer == nil { learningRate = learningRate ?? 1 }
    optimizer =
      optimizer ?? (isPerceptron ? "sgd" : Zoo.isTransformer(model ?? "") ? "adamw" : "adam")
    learningRate = learningRate ?? OptimizerRegistry.defaultLearningRate(optimizer ?? "adam")
    if epochs == nil && steps == nil { epochs = isDigits ? 20 : 5 }
    // Of a text as many windows as make 4,096 tokens: memory goes by tokens.
    evalBatch = evalBatch ?? description.text.map { min(256, max(1, 4096 / $0.window)) } ?? 256
  }

  /// Refuses what the data is not for.
  private func checkTask(_ description: DatasetDescription) throws {
    if let task, task != description.task {
      throw Failure.usage("task: \(task.rawValue) does not fit the targets of \(data)")
    }
    _ = try makeLoss(for: description)
    if monitor == .valAccuracy && !description.isClassification {
      throw Failure.usage("monitor: val-accuracy needs a classification")
    }
    if standardize && description.text != nil {
      throw Failure.usage("standardize: a text has no numbers to standardize")
    }
  }

  /// Refuses settings that are not possible here or not together.
  private func refuseCombinations() throws {
    _ = try OptimizerRegistry.make(optimizer ?? "adam", hyperParameters)
    if !precision.isNative {
      throw Failure.usage(
        "precision: this CPU has no instructions for \(precision.rawValue)",
        remedy: "Use fp32, or \(precision.portable.rawValue) for the same figures, slowly.")
    }
    if clipping.norm != nil && clipping.ratio != nil {
      throw Failure.usage(
        "clip-agc: not together with clip-norm", remedy: "Give one of the two.")
    }
    if compress != .none && reduction == .fast {
      throw Failure.usage(
        "compress \(compress): not together with reduction fast",
        remedy: "MPI adds float32 only: give one of the two.")
    }
    if localSteps > 1 && (compress != .none || reduction == .fast) {
      let other = compress != .none ? "compress \(compress)" : "reduction fast"
      throw Failure.usage(
        "local-steps \(localSteps): not together with \(other)",
        remedy: "Hosts that train alone send no gradients: give one of the two.")
    }
    if localSteps > 1 && maxNorm != nil {
      throw Failure.usage(
        "local-steps \(localSteps): not together with max-norm",
        remedy: "An outer step holds no rows to a norm: give one of the two.")
    }
  }

  /// Refuses a run without a step, or whose steps or schedule cannot be.
  private func checkSteps(trainCount: Int) throws {
    if trainCount < 1 {
      throw Failure.badData("\(data): no training sample is left after the validation split")
    }
    let (leaves, overflow) = (logicalRanks?.count ?? 1)
      .multipliedReportingOverflow(by: accumulate)
    guard !overflow, leaves <= 65536 else {
      throw Failure.usage(
        "logical-ranks: with --accumulate \(accumulate) a step would have more than 65536 leaves")
    }
    if stepsPerEpoch(trainCount: trainCount) == 0 {
      throw Failure.usage("drop-last: the only batch of an epoch is short and would be dropped")
    }
    _ = try makeSchedule(trainCount: trainCount)
  }

  /// The loss, fitted to what the data gives it to compare with.
  package func makeLoss(for description: DatasetDescription) throws -> Loss {
    let targets: Loss.Targets =
      switch description.target {
      case .classes(let names): .classes(count: names.count)
      case .values(let width): .values(width: width)
      }
    return try Loss(
      parsing: loss ?? "cross-entropy",
      settings: ClassSettings(
        smoothing: labelSmoothing, weights: classWeights.map { $0.map(Float.init) }),
      targets: targets)
  }

  /// Nil where training is not to stop early.
  func makeEarlyStopping(stepsPerEpoch: Int, totalSteps: Int) throws -> EarlyStopping? {
    guard earlyStopping else { return nil }
    var settings = EarlyStopping.Settings()
    settings.isBetterWhenHigher = monitor.isBetterWhenHigher
    settings.minDelta = minDelta
    settings.patience = patience
    if let startFrom {
      settings.startStep = try RunLength(startFrom, option: "start-from").steps(
        stepsPerEpoch: stepsPerEpoch, totalSteps: totalSteps)
    }
    settings.goal = stoppingThreshold
    settings.limit = divergenceThreshold
    return EarlyStopping(settings)
  }

  /// Samples an optimizer step; never more than there are.
  package func batchCount(trainCount: Int) -> Int {
    switch batchSize {
    case .full: trainCount
    case .samples(let count): min(count, trainCount)
    }
  }

  package func stepsPerEpoch(trainCount: Int) -> Int {
    let batch = batchCount(trainCount: trainCount)
    return dropLast ? trainCount / batch : (trainCount + batch - 1) / batch
  }

  package func totalSteps(trainCount: Int) -> Int {
    if let steps { return steps }
    let (total, overflow) = stepsPerEpoch(trainCount: trainCount)
      .multipliedReportingOverflow(by: epochs ?? 1)
    return overflow ? Int.max : total
  }

  /// The order of additions; `--accumulate K` is one more level of leaves.
  package func tree() -> CanonicalTree {
    let ranks = logicalRanks ?? LogicalRanks(count: 1, groupSize: 1)
    return CanonicalTree(
      leafCount: ranks.count * accumulate, groupSize: ranks.groupSize * accumulate)
  }
}

extension DataOptions {
  /// What the model and the configuration say about a text: its tokens, the length of its windows,
  /// and whether tokens are hidden.
  mutating func readText(_ configuration: RunConfiguration, modelFile: String?) throws {
    tokenizer = configuration.tokenizer
    let model = configuration.model ?? ""
    context = try Zoo.contextLength(of: model, file: modelFile) ?? DataOptions.defaultContext
    if task == nil && Zoo.isMasked(model) { task = .maskedLanguageModel }
  }

  /// The same of a trained model's text.
  mutating func setText(_ text: TextDescription?) {
    guard let text else { return }
    tokenizer = text.tokenizer
    context = text.window
    task = text.isMasked ? .maskedLanguageModel : .languageModel
  }
}

extension DatasetDescription {
  package var isClassification: Bool {
    if case .classes = target { true } else { false }
  }

  /// Classes, or values of a regression.
  package var outputCount: Int {
    switch target {
    case .classes(let names): names.count
    case .values(let width): width
    }
  }

  package var modelContext: ModelContext {
    ModelContext(sampleShape: featureShape, outputs: outputCount, vocabulary: vocabularyCount)
  }

  /// Different tokens of a text.
  package var vocabularyCount: Int? { text == nil ? nil : outputCount }

  /// Predictions a sample asks for.
  package var targetPositions: Int { text?.window ?? 1 }

  package var task: DataTask {
    if let text { return text.isMasked ? .maskedLanguageModel : .languageModel }
    return isClassification ? .classification : .regression
  }

  fileprivate var defaultModel: String {
    switch task {
    case .classification: "mlp:128"
    case .regression: "linear"
    case .languageModel: "gpt"
    case .maskedLanguageModel: "bert"
    }
  }
}
