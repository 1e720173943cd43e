import Basics
import CKernels
import DataParallel
import Datasets
import Logging
import Reports

/// What a finished step looked like.
struct StepReport {
  let step: Int
  let epoch: Int
  let loss: Float
  let penalty: Double
  let learningRate: Double
  let gradientNorm: Double
  let isSkipped: Bool
  let computeNanoseconds: UInt64
  let waitNanoseconds: UInt64
}

/// Rank 0's pen: progress on the console, `metrics.jsonl`, checkpoints, the final table.
final class Journal {
  private let console: Console
  private let metrics: MetricsFile
  private let store: CheckpointStore
  private let arena: NodeArena
  private let configuration: RunConfiguration
  private let description: DatasetDescription
  private let standardization: Standardization?
  private let samplesBefore: (Int) -> Int
  private let modelFile: String?
  private let totalSteps: Int
  private let start = ck_monotonic_ns()
  private let firstStep: Int
  private var lastLog: (step: Int, time: UInt64)
  private var lastEvaluation: Evaluation?
  private var saveFailure: Failure?
  private var hasSaved = false
  /// Checkpoints after the one this run was resumed from.
  private var abandoned: [Int]
  private var skippedSteps = 0
  private var wasSkipped = false
  private var spikes = LossSpikes()

  init(
    console: Console, metrics: MetricsFile, store: CheckpointStore, arena: NodeArena,
    configuration: RunConfiguration, data: LoadedData, modelFile: String?, totalSteps: Int,
    firstStep: Int, samplesBefore: @escaping (Int) -> Int
  ) {
    self.console = console
    self.metrics = metrics
    self.store = store
    self.arena = arena
    self.configuration = configuration
    description = data.description
    standardization = data.standardization
    self.modelFile = modelFile
    self.totalSteps = totalSteps
    self.firstStep = firstStep
    abandoned = store.folder.steps().filter { $0 > firstStep }
    self.samplesBefore = samplesBefore
    lastLog = (firstStep, start)
  }

  func didResume(step: Int, ranks: Int) {
    var line = JSONLine()
    line.add("kind", "resume")
    line.add("step", step)
    line.add("ranks", ranks)
    metrics.write(line)
  }

  func didStep(_ report: StepReport) {
    if report.isSkipped {
      skippedSteps += 1
      // The first of a row; the table counts the rest.
      if !wasSkipped {
        console.logger.warning(
          "step \(report.step): a gradient is not finite; the update was skipped")
      }
    }
    wasSkipped = report.isSkipped
    let spike = spikes.observe(Double(report.loss))
    if let spike {
      let size = "\(Format.fixed(spike, 1)) deviations above the steps before"
      console.logger.warning(
        "step \(report.step): the loss jumped to \(Format.short(Double(report.loss))), \(size)")
    }
    let isLogged = report.step % configuration.logEvery == 0 || report.step == 1
    if isLogged || spike != nil { log(report, spike: spike) }
    console.progress(progressLine(report))
  }

  private func log(_ report: StepReport, spike: Double?) {
    let now = ck_monotonic_ns()
    let seconds = Double(now - lastLog.time) / 1e9
    let samples = samplesBefore(report.step)
    let rate = Double(samples - samplesBefore(lastLog.step)) / max(seconds, 1e-9)
    lastLog = (report.step, now)
    var line = JSONLine()
    line.add("kind", "step")
    line.add("step", report.step)
    line.add("epoch", report.epoch)
    line.add("loss", report.loss)
    if !report.isSkipped { line.add("penalty", report.penalty) }
    line.add("lr", report.learningRate)
    if !report.isSkipped { line.add("grad_norm", report.gradientNorm) }
    line.add("samples", samples)
    line.add("samples_per_s", rate.rounded())
    line.add("compute_ms", Double(report.computeNanoseconds / 1000) / 1000)
    line.add("wait_ms", Double(report.waitNanoseconds / 1000) / 1000)
    if report.isSkipped { line.add("skipped", true) }
    if let spike { line.add("spike", spike) }
    metrics.write(line)
    // A line a report would flood a log; the evaluation's line carries the epoch there.
  }

  private func progressLine(_ report: StepReport) -> String {
    let seconds = Double(ck_monotonic_ns() - start) / 1e9
    let done = report.step - firstStep
    let rate =
      Double(samplesBefore(report.step) - samplesBefore(firstStep)) / max(seconds, 1e-9)
    let remaining = seconds / Double(max(done, 1)) * Double(totalSteps - report.step)
    return "step \(report.step)/\(totalSteps)  loss \(Format.short(Double(report.loss)))  "
      + "lr \(Format.short(report.learningRate))  \(Format.grouped(Int(rate))) samples/s  "
      + "\(Format.duration(seconds: remaining)) left"
  }

  /// - Parameter average: the figures of the running mean of the weights.
  func didEvaluate(_ evaluation: Evaluation, average: Evaluation?, step: Int) {
    if evaluation.split == .val { lastEvaluation = evaluation }
    metrics.write(evaluation.line(step: step))
    if let average { metrics.write(average.line(step: step, kind: "eval-ema")) }
    let seconds = Double(ck_monotonic_ns() - start) / 1e9
    let rate = Double(samplesBefore(step) - samplesBefore(firstStep)) / max(seconds, 1e-9)
    console.line(
      "step \(step)/\(totalSteps)  \(evaluation.summary)  \(Format.grouped(Int(rate))) samples/s  "
        + Format.duration(seconds: seconds))
  }

  /// Saves a checkpoint. A full disk is a warning now, and exit code 73 at the end if nothing
  /// could be saved at all: training is worth more than its last checkpoint.
  ///
  /// - Returns: whether it was written.
  func save(step: Int, epoch: Int, coordinator: Coordinator) -> Bool {
    let state = CheckpointState(
      step: step, epoch: epoch, samples: samplesBefore(step),
      settings: ConfigurationSources.values(of: configuration.withoutPlace),
      dataset: description, standardization: standardization, stopping: coordinator.stopping,
      plateau: coordinator.plateau, skipped: coordinator.skipped, updates: coordinator.updates,
      best: coordinator.best,
      modelFile: modelFile)
    do {
      guard ck_all_finite(arena.parameters, arena.sizes.parameters) != 0 else {
        throw Failure.cannotWrite("the weights are not finite")
      }
      try store.save(state, arena: arena)
      // What lies after the checkpoint this run was resumed from is another branch by now.
      store.remove(abandoned.filter { $0 != step })
      abandoned = []
      store.retain(keep: configuration.keep, best: coordinator.best.map(\.step))
      hasSaved = true
      return true
    } catch let failure as Failure {
      saveFailure = failure
      console.logger.warning("checkpoint of step \(step) not written: \(failure.message)")
    } catch {
      saveFailure = .cannotWrite("\(error)")
      console.logger.warning("checkpoint of step \(step) not written: \(error)")
    }
    return false
  }

  /// Puts a saved checkpoint's weights back into the arena.
  /// - Returns: false where it is gone or damaged: a run is worth more than its best step.
  func restore(_ step: Int) throws -> Bool {
    let path = "\(store.folder.checkpoints)/\(RunFolder.stepName(step))"
    do {
      try store.load(StoredCheckpoint(path: path), into: arena, optimizer: false)
    } catch let failure as Failure {
      console.logger.warning("the last weights are kept, not the best: \(failure.message)")
      return false
    }
    console.line("restored the weights of step \(step), the best")
    return true
  }

  func finish(
    reason: String, step: Int, best: CheckpointState.BestStep?,
    test: (evaluation: Evaluation, step: Int)?,
    average: (weights: UnsafeMutablePointer<Float>, test: Evaluation?)?, isComplete: Bool
  ) throws {
    console.finish()
    if reason == Coordinator.Reason.diverged.rawValue {
      console.logger.error(
        "diverged: gradients are no longer finite. Lower --lr, add --warmup or --clip-norm")
    }
    if let test { metrics.write(test.evaluation.line(step: test.step)) }
    if let average = average?.test { metrics.write(average.line(step: step, kind: "eval-ema")) }
    if isComplete {
      try store.writeModel(arena.parameters, to: store.folder.model)
      if let average { try store.writeModel(average.weights, to: store.folder.averagedModel) }
    }
    let seconds = Double(ck_monotonic_ns() - start) / 1e9
    var line = JSONLine()
    line.add("kind", "end")
    line.add("reason", reason)
    line.add("step", step)
    if let best { line.add("best_step", best.step) }
    line.add("wall_s", (seconds * 1000).rounded() / 1000)
    metrics.write(line)

    let samples = samplesBefore(step) - samplesBefore(firstStep)
    var table = Table()
    table.add("ended", "\(reason) at step \(step)")
    table.add("training time", Format.duration(seconds: seconds))
    table.add("samples/s", Format.grouped(Int(Double(samples) / max(seconds, 1e-9))))
    if skippedSteps > 0 { table.add("skipped steps", "\(skippedSteps)") }
    if let lastEvaluation { table.add("validation", lastEvaluation.summary) }
    if let best {
      table.add(
        "best step", "\(best.step), \(configuration.monitor.rawValue) \(Format.short(best.value))")
    }
    if let test { table.add("test", test.evaluation.summary) }
    if let averageTest = average?.test { table.add("test of the mean", averageTest.summary) }
    if isComplete {
      table.add("weights", store.folder.model)
    } else if hasSaved {
      table.add("continue with", "--run \(store.folder.path) --resume latest")
    }
    table.leftAligned.forEach(console.line)
    if let saveFailure, !hasSaved { throw saveFailure }
  }
}

extension RunConfiguration {
  /// Where and how a run was called, which no checkpoint needs and none may decide.
  static let placeSettings: Set<String> = [
    "run", "resume", "stop-after", "expect-ranks", "progress", "quiet",
  ]

  /// Without what says where and how a run was called, which no checkpoint needs.
  var withoutPlace: RunConfiguration {
    var result = self
    result.run = nil
    result.resume = nil
    result.stopAfter = nil
    result.expectRanks = nil
    result.progress = "auto"
    result.quiet = false
    return result
  }
}
