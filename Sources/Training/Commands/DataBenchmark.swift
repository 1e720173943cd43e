import Basics
package import DataParallel
import MPI
import Reports

/// `bench data`: how fast the ranks bring the samples of their leaves together, beside a copy of as
/// many bytes that lie one after another.
package enum DataBenchmark {
  /// Collective: every rank. Returns the line of results.
  package static func run(
    group: RankGroup, flags: [String: String], configurationFile: String?
  ) throws -> String {
    var job = try TrainingJob(group: group, flags: flags, configurationFile: configurationFile)
    let steps = job.sources.configuration.steps ?? 300
    try job.sources.apply("steps", "\(steps + 1)", from: "bench data")
    let run = try job.prepare(console: Console(mode: .off, isQuiet: true), purpose: .measure)
    let worker = run.trainer.worker
    // The first one touches the memory.
    var samples = worker.assembleSamples(step: 0)
    let width = worker.featureCount
    let from = AlignedBuffer<Float>(count: max(1, samples * width))
    let to = AlignedBuffer<Float>(count: from.count)
    from.elements.update(repeating: 1)
    to.elements.update(repeating: 0)

    samples = 0
    let seconds = try group.slowestSeconds {
      for step in 1...steps {
        samples += worker.assembleSamples(step: step)
      }
    }
    let copySeconds = try group.slowestSeconds {
      for _ in 1...steps { to.pointer.update(from: from.pointer, count: from.count) }
    }
    let all = Double(try group.world.allreduce(value: samples, .sum))
    let copied = Double(try group.world.allreduce(value: from.byteCount, .sum) * steps)
    var line = ResultLine()
    line.add("workload", run.configuration.data)
    line.add("ranks", group.size)
    line.add("batch", run.batchCount)
    line.add("steps", steps)
    line.add("step_ms", seconds / Double(steps) * 1e3, decimals: 6)
    line.add("samples_per_s", all / seconds, decimals: 0)
    line.add("gb_per_s", all * Double(width) * 4 / seconds / 1e9, decimals: 3)
    line.add("copy_gb_per_s", copied / copySeconds / 1e9, decimals: 3)
    return line.text
  }
}
