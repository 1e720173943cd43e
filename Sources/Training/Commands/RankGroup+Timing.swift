import CKernels
import DataParallel
import MPI

extension RankGroup {
  /// Seconds that the slowest rank takes to do `body` once, of `repetitions`. Collective: every rank.
  func slowestSeconds(repetitions: Int = 1, _ body: () throws -> Void) throws -> Double {
    try world.barrier()
    let start = ck_monotonic_ns()
    for _ in 0..<repetitions { try body() }
    let seconds = Double(ck_monotonic_ns() - start) / 1e9 / Double(repetitions)
    return try world.allreduce(value: seconds, .maximum)
  }
}
