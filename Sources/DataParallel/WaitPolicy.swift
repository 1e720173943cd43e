package import Basics
import CKernels
import Glibc

/// How a rank waits for another: it spins, then gives its core away between looks, then sleeps
/// between looks.
package struct WaitPolicy: Sendable {
  var waits: ck_wait_policy
  let timeoutMilliseconds: UInt64

  /// - Parameters:
  ///   - cores: cores the ranks of this node may use together; fewer than ranks: nobody spins.
  ///   - timeoutSeconds: how long a rank waits for another before it ends the job.
  package init(ranks: Int, cores: Int, timeoutSeconds: Double) {
    waits = ck_wait_policy(spins: cores >= ranks ? 4000 : 0, yields: 2000, sleep_us: 50)
    timeoutMilliseconds = UInt64(max(1, timeoutSeconds) * 1000)
  }

  /// Waits until `condition` holds, which is asked again and again.
  /// - Returns: whether it came to hold in time.
  func wait(until condition: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<waits.spins + waits.yields {
      if try condition() { return true }
      sched_yield()
    }
    let start = ck_monotonic_ns()
    while try !condition() {
      if ck_monotonic_ns() - start > timeoutMilliseconds * 1_000_000 { return false }
      usleep(waits.sleep_us)
    }
    return true
  }
}
