import Basics
import CKernels
package import DataParallel
import Glibc
import Graph
import MPI
import Reports

/// `bench step`: the time of training steps without their warm-up.
package struct StepBenchmark {
  /// What one step took on this rank, in seconds.
  package let step: Double
  package let compute: Double
  package let wait: Double
  package let parameters: Int
  /// Of those, the most whose gradients become final at once.
  package let largestFinalPiece: Int
  /// Steps of a host between two exchanges.
  package let localSteps: Int
  package let bucketMebibytes: Int
  /// How the run's gradients would reach other hosts.
  package let sums: ScaleModel.Sums
  /// Where the time went on this rank; nil where nobody asked.
  package let profile: StepProfile?
  /// The line of results.
  package let line: String

  private static let warmupSteps = 10

  /// Collective: every rank.
  /// - Parameter profiles: whether the time of every operation is taken.
  package init(
    group: RankGroup, flags: [String: String], configurationFile: String?, profiles: Bool = false
  ) throws {
    var job = try TrainingJob(group: group, flags: flags, configurationFile: configurationFile)
    let steps = job.sources.configuration.steps ?? 300
    // Whole rounds, so that those to come are measured from their beginning.
    let round = job.sources.configuration.localSteps
    localSteps = round
    let warmup = StepBenchmark.warmupSteps.roundedUp(to: round)
    try job.sources.apply("steps", "\(steps + warmup)", from: "bench step")
    let run = try job.prepare(console: Console(mode: .off, isQuiet: true), purpose: .measure)
    let status = run.arena.own
    var startup: UInt64 = 0
    for step in 0..<warmup {
      _ = try run.trainer.trainStep()
      if step == 0 { startup = ck_monotonic_ns() - run.startedNanoseconds }
    }
    if profiles { run.plans.startTimes() }
    let assembled = run.trainer.worker.assemblyNanoseconds
    let received = run.received
    status.endStep()
    let before = status.pointee
    try group.world.barrier()
    let start = ck_monotonic_ns()
    for _ in 0..<steps { _ = try run.trainer.trainStep() }
    status.endStep()
    try group.world.barrier()
    let seconds = Double(ck_monotonic_ns() - start) / 1e9
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    let resident = try group.world.allreduce(value: Int(usage.ru_maxrss), .maximum)
    let slowest = try group.world.allreduce(value: Double(startup) / 1e6, .maximum)
    let compute = status.pointee.pastComputeNanoseconds - before.pastComputeNanoseconds
    let wait = status.pointee.pastWaitNanoseconds - before.pastWaitNanoseconds
    let perStep = Double(steps)
    step = seconds / perStep
    self.compute = Double(compute) / perStep / 1e9
    self.wait = Double(wait) / perStep / 1e9
    profile =
      profiles
      ? StepProfile(
        steps: steps, step: step, compute: self.compute, wait: self.wait,
        assembly: Double(run.trainer.worker.assemblyNanoseconds - assembled) / perStep / 1e9,
        kernels: run.plans.times)
      : nil
    parameters = run.parameterCount
    largestFinalPiece = run.plans.largestFinalPiece
    bucketMebibytes = run.configuration.bucketMebibytes
    let compression = run.configuration.compress
    let bytes = compression.sumBytes(
      blocks: run.plans.layout.blocks.map(\.range), tensors: run.plans.layout.tensorShapes)
    sums = compression.matrixRank == nil ? .slices(bytes: bytes) : .factors(bytes: bytes)
    var line = ResultLine()
    line.add("workload", "\(run.configuration.model ?? "own")/\(run.configuration.data)")
    line.add("ranks", group.size)
    line.add("batch", run.batchCount)
    line.add("params", run.parameterCount)
    line.add("steps", steps)
    line.add("step_ms", seconds / perStep * 1e3, decimals: 4)
    line.add("samples_per_s", perStep * Double(run.batchCount) / seconds, decimals: 0)
    line.add("compute_ms", self.compute * 1e3, decimals: 4)
    line.add("wait_ms", self.wait * 1e3, decimals: 4)
    line.add("rss_mb", resident / 1024)
    line.add("startup_ms", slowest, decimals: 1)
    let all = run.received.all - received.all
    if all > 0 {
      // Of what came from other hosts: the share that was here when backward ended.
      let hidden = Double(run.received.hidden - received.hidden) / Double(all)
      line.add("hosts", group.nodeCount)
      line.add("received_mb", Double(all) / perStep / 1e6, decimals: 3)
      line.add("hidden", hidden, decimals: 3)
    }
    self.line = line.text
  }
}

extension PreparedRun {
  /// Bytes of gradients, or of hosts' parameters and state, that came from other hosts so far, and
  /// those that were here when backward ended.
  fileprivate var received: (all: Int, hidden: Int) {
    (reducer.received.all + (outer?.receivedBytes ?? 0), reducer.received.hidden)
  }
}
