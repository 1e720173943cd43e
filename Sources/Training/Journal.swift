import Basics
import CKernels
import Logging
import Reports

/// What a finished step looked like.
struct StepReport {
  let step: Int
  let epoch: Int
  /// nil where no sample was this host's.
  let loss: Float?
  let spike: LossSpikes.Spike?
  let penalty: Double
  let learningRate: Double
  let gradientNorm: Double
  let isSkipped: Bool
  /// Of the rank that computed longest.
  let computeNanoseconds: UInt64
  let slowestRank: Int
  let waitNanoseconds: UInt64
}

/// How a run ended.
struct RunReport {
  let reason: Coordinator.Reason
  let step: Int
  let best: CheckpointState.BestStep?
  /// Of a run that is complete.
  let result: Trainer.Result?
  /// Where its weights are.
  let weights: String
  /// The folder of a run that can be continued.
  let run: String?
}

/// Console and metrics; rank 0 only: progress, `metrics.jsonl`, the final table.
final class Journal {
  private let console: Console
  private let metrics: MetricsFile
  private let configuration: RunConfiguration
  private let samplesBefore: (Int) -> Int
  private let totalSteps: Int
  private let start = ck_monotonic_ns()
  private let firstStep: Int
  private var lastLog: (step: Int, time: UInt64)
  private var lastEvaluation: Evaluation?
  /// Whether the weights kept are not the last.
  private var isRestored = false
  private var skippedSteps = 0
  private var wasSkipped = false

  init(
    console: Console, metrics: MetricsFile, configuration: RunConfiguration, totalSteps: Int,
    firstStep: Int, samplesBefore: @escaping (Int) -> Int
  ) {
    self.console = console
    self.metrics = metrics
    self.configuration = configuration
    self.totalSteps = totalSteps
    self.firstStep = firstStep
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
    if let loss = report.loss, let spike = report.spike, let untold = spike.untold {
      let size = "\(Format.fixed(spike.deviations, 1)) deviations above the steps before"
      let more = untold == 0 ? "" : "; \(untold) more since the last such warning"
      console.logger.warning(
        "step \(report.step): the loss jumped to \(Format.short(Double(loss))), \(size)\(more)"
      )
    }
    let isLogged = report.step % configuration.logEvery == 0 || report.step == 1
    if isLogged || report.spike != nil { log(report) }
    console.progress(progressLine(report))
  }

  /// A line of metrics, and none on the console: a line a report would flood a log; the
  /// evaluation's line carries the epoch there.
  private func log(_ report: StepReport) {
    let now = ck_monotonic_ns()
    let seconds = Double(now - lastLog.time) / 1e9
    let samples = samplesBefore(report.step)
    let rate = Double(samples - samplesBefore(lastLog.step)) / max(seconds, 1e-9)
    lastLog = (report.step, now)
    var line = JSONLine()
    line.add("kind", "step")
    line.add("step", report.step)
    line.add("epoch", report.epoch)
    if let loss = report.loss { line.add("loss", loss) }
    if !report.isSkipped { line.add("penalty", report.penalty) }
    line.add("lr", report.learningRate)
    if !report.isSkipped { line.add("grad_norm", report.gradientNorm) }
    line.add("samples", samples)
    line.add("samples_per_s", rate.rounded())
    line.add("compute_ms", Journal.milliseconds(report.computeNanoseconds))
    line.add("slowest_rank", report.slowestRank)
    line.add("wait_ms", Journal.milliseconds(report.waitNanoseconds))
    if report.isSkipped { line.add("skipped", true) }
    if let spike = report.spike { line.add("spike", spike.deviations) }
    metrics.write(line)
  }

  private func progressLine(_ report: StepReport) -> String {
    let seconds = Double(ck_monotonic_ns() - start) / 1e9
    let done = report.step - firstStep
    let rate =
      Double(samplesBefore(report.step) - samplesBefore(firstStep)) / max(seconds, 1e-9)
    let remaining = seconds / Double(max(done, 1)) * Double(totalSteps - report.step)
    let loss = report.loss.map { Format.short(Double($0)) } ?? "–"
    return "step \(report.step)/\(totalSteps)  loss \(loss)  "
      + "lr \(Format.short(report.learningRate))  \(Format.grouped(Int(rate))) samples/s  "
      + "\(Format.duration(seconds: remaining)) left"
  }

  /// Another host, which trained alone, skipped so many steps of the round up to `step`.
  func didSkip(_ count: Int, host: String, step: Int) {
    skippedSteps += count
    var line = JSONLine()
    line.add("kind", "skip")
    line.add("step", step)
    line.add("host", host)
    line.add("count", count)
    metrics.write(line)
    let text =
      "step \(step): gradients on \(host) were not finite; \(count) of its updates since the last "
      + "outer step were skipped"
    console.logger.warning("\(text)")
  }

  /// A rank keeps the others waiting.
  func didNotice(_ straggler: StragglerWatch.Straggler, rank: Int, host: String, step: Int) {
    let (own, median) = (straggler.own, straggler.median)
    var line = JSONLine()
    line.add("kind", "straggler")
    line.add("step", step)
    line.add("rank", rank)
    line.add("host", host)
    line.add("compute_ms", own.compute)
    line.add("wait_ms", own.wait)
    line.add("median_compute_ms", median.compute)
    line.add("median_wait_ms", median.wait)
    metrics.write(line)
    let text =
      "rank \(rank) on \(host) keeps the others waiting: it computes "
      + "\(Format.fixed(straggler.ratio, 1)) times as long as the median rank, "
      + "\(Format.fixed(own.compute, 2)) ms a step and \(Format.fixed(median.compute, 2)) ms; "
      + "it waits \(Format.fixed(own.wait, 2)) ms, they \(Format.fixed(median.wait, 2)) ms"
    console.logger.warning("\(text)")
  }

  /// - Parameter average: the figures of the running mean of the weights.
  func didEvaluate(_ evaluation: Evaluation, average: Evaluation?, step: Int) {
    if evaluation.split == .val { lastEvaluation = evaluation }
    metrics.write(evaluation.line(step: step))
    if let average { metrics.write(average.line(step: step, kind: "eval-ema")) }
    let seconds = Double(ck_monotonic_ns() - start) / 1e9
    let rate = Double(samplesBefore(step) - samplesBefore(firstStep)) / max(seconds, 1e-9)
    console.line(
      "step \(step)/\(totalSteps)  \(evaluation.summary)  "
        + (average.map { "of the mean \($0.summary)  " } ?? "")
        + "\(Format.grouped(Int(rate))) samples/s  " + Format.duration(seconds: seconds))
  }

  func didSave(_ report: SaveReport) {
    var line = JSONLine()
    line.add("kind", "checkpoint")
    line.add("step", report.step)
    line.add("pause_ms", Journal.milliseconds(report.pauseNanoseconds))
    switch report.outcome {
    case .success(let written):
      line.add("write_ms", Journal.milliseconds(written.writeNanoseconds))
      line.add("verify_ms", Journal.milliseconds(written.verifyNanoseconds))
      line.add("bytes", written.byteCount)
      if let warning = written.warning { console.logger.warning("\(warning)") }
    case .failure(let failure):
      line.add("error", failure.message)
      console.logger.warning("checkpoint of step \(report.step) not written: \(failure.message)")
    }
    metrics.write(line)
  }

  private static func milliseconds(_ nanoseconds: UInt64) -> Double {
    Double(nanoseconds / 1000) / 1000
  }

  func didRestore(_ step: Int) {
    isRestored = true
    console.line("restored the weights of step \(step), the best")
  }

  /// A run is worth more than its best step.
  func couldNotRestore(_ failure: Failure) {
    console.logger.warning("the last weights are kept, not the best: \(failure.message)")
  }

  func didLoseAverage() {
    console.logger.warning("the running mean of the weights is not finite: it is not written")
  }

  func finish(_ report: RunReport) {
    console.finish()
    if report.reason == .diverged {
      let text =
        "diverged: gradients, weights or the loss are not finite any more. Lower --lr, add --warmup "
        + "or --clip-norm, or look for bad values in the data"
      console.logger.error("\(text)")
    }
    let seconds = Double(ck_monotonic_ns() - start) / 1e9
    log(report, seconds: seconds)
    table(report, seconds: seconds).leftAligned.forEach(console.line)
  }

  private func log(_ report: RunReport, seconds: Double) {
    if let result = report.result {
      if let test = result.test { metrics.write(test.line(step: result.step)) }
      if let test = result.averageTest {
        metrics.write(test.line(step: report.step, kind: "eval-ema"))
      }
    }
    var line = JSONLine()
    line.add("kind", "end")
    line.add("reason", report.reason.rawValue)
    line.add("step", report.step)
    if let best = report.best { line.add("best_step", best.step) }
    line.add("wall_s", (seconds * 1000).rounded() / 1000)
    metrics.write(line)
  }

  private func table(_ report: RunReport, seconds: Double) -> Table {
    let samples = samplesBefore(report.step) - samplesBefore(firstStep)
    var table = Table()
    table.add("ended", "\(report.reason.rawValue) at step \(report.step)")
    table.add("training time", Format.duration(seconds: seconds))
    table.add("samples/s", Format.grouped(Int(Double(samples) / max(seconds, 1e-9))))
    if skippedSteps > 0 { table.add("skipped steps", "\(skippedSteps)") }
    if let lastEvaluation {
      table.add(isRestored ? "last validation" : "validation", lastEvaluation.summary)
    }
    if let best = report.best {
      table.add(
        "best step", "\(best.step), \(configuration.monitor.rawValue) \(Format.short(best.value))")
    }
    if let test = report.result?.test { table.add("test", test.summary) }
    if let test = report.result?.averageTest { table.add("test of the mean", test.summary) }
    if report.result != nil {
      table.add("weights", report.weights)
    } else if let run = report.run {
      table.add("continue with", "--run \(run) --resume latest")
    }
    return table
  }
}
