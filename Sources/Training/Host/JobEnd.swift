import Basics
import CKernels
import Glibc

/// When the job must be over: what the user says, or the batch system.
package enum JobEnd {
  /// On the clock of `ck_monotonic_ns`, in seconds; nil where nothing is known.
  /// - Parameters:
  ///   - limit: `--time-limit`, counted from `started`.
  ///   - environment: Slurm's `SLURM_JOB_END_TIME`, in seconds since 1970.
  package static func seconds(
    limit: Double?, startedNanoseconds: UInt64,
    environment: (String) -> String? = { getenv($0).map { String(cString: $0) } }
  ) -> Double? {
    var ends = limit.map { [Double(startedNanoseconds) / 1e9 + $0] } ?? []
    if let end = environment("SLURM_JOB_END_TIME").flatMap(Double.init) {
      let left = end - Double(time(nil))
      // One that has passed is left over from another job.
      if left > 0 { ends.append(Double(ck_monotonic_ns()) / 1e9 + left) }
    }
    return ends.min()
  }

  /// Reads `90s`, `30min` or `2h`.
  package static func parse(_ text: String) -> Double? {
    for (unit, seconds) in [("min", 60.0), ("s", 1), ("h", 3600)] where text.hasSuffix(unit) {
      guard let value = Double(text.dropLast(unit.count)), value > 0, value < 1e9 else {
        return nil
      }
      return value * seconds
    }
    return nil
  }
}
