import CKernels
package import DataParallel
import Glibc
import MPI
import Reports

/// `bench step`: the time of training steps without their warm-up.
package enum StepBenchmark {
  private static let warmupSteps = 10

  /// Collective: every rank. Returns the line of results on the first rank.
  package static func run(
    group: RankGroup, flags: [String: String], configurationFile: String?
  ) throws -> String {
    var job = try TrainingJob(group: group, flags: flags, configurationFile: configurationFile)
    let steps = job.sources.configuration.steps ?? 300
    try job.sources.apply("steps", "\(steps + warmupSteps)", from: "bench step")
    let run = try job.prepare(console: Console(mode: .off, isQuiet: true), purpose: .measure)
    let status = run.arena.own
    var startup: UInt64 = 0
    for step in 0..<warmupSteps {
      _ = try run.trainer.trainStep()
      if step == 0 { startup = ck_monotonic_ns() - run.startedNanoseconds }
    }
    var compute: UInt64 = 0
    var wait: UInt64 = 0
    try group.world.barrier()
    let start = ck_monotonic_ns()
    for _ in 0..<steps {
      _ = try run.trainer.trainStep()
      compute += status.pointee.computeNanoseconds
      wait += status.pointee.waitNanoseconds
    }
    try group.world.barrier()
    let seconds = Double(ck_monotonic_ns() - start) / 1e9
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    let resident = try group.world.allreduce(value: Int(usage.ru_maxrss), .maximum)
    let slowest = try group.world.allreduce(value: Double(startup) / 1e6, .maximum)
    let perStep = Double(steps)
    return [
      "workload=\(run.configuration.model ?? "own")/\(run.configuration.data)",
      "ranks=\(group.size)", "batch=\(run.batchCount)", "params=\(run.parameterCount)",
      "steps=\(steps)", "step_ms=\(Format.fixed(seconds / perStep * 1e3, 4))",
      "samples_per_s=\(Format.fixed(perStep * Double(run.batchCount) / seconds, 0))",
      "compute_ms=\(Format.fixed(Double(compute) / perStep / 1e6, 4))",
      "wait_ms=\(Format.fixed(Double(wait) / perStep / 1e6, 4))",
      "rss_mb=\(resident / 1024)", "startup_ms=\(Format.fixed(slowest, 1))",
    ].joined(separator: " ")
  }
}
