import CKernels
import Glibc
import MPI

/// How a rank waits for another: it spins, where only its own node is looked at, then gives its
/// core away between looks, then sleeps between looks. It waits for ever: who is lost is the
/// watchdog's business.
package struct WaitPolicy {
  var waits: ck_wait_policy
  private let own: UnsafeMutablePointer<RankStatus>
  /// Looks with a pause between them: a tenth of a millisecond, longer than ranks of one speed wait
  /// for each other in a step.
  private static let spins: UInt32 = 4000

  /// - Parameter cores: which the ranks of this node may use together; fewer than ranks: nobody
  ///   spins.
  package init(group: RankGroup, cores: Int) {
    own = group.own
    waits = ck_wait_policy(
      spins: cores >= group.node.size ? Self.spins : 0, yields: 2000, sleep_us: 50)
  }

  /// Waits until every rank of the node has come to `barrier` as often as `count` says.
  /// - Parameter meanwhile: done between looks.
  mutating func wait(at barrier: inout ck_barrier, count: UInt32, meanwhile: (() -> Void)?) {
    if let meanwhile {
      return wait {
        meanwhile()
        return ck_barrier_is_passed(&barrier, count) != 0
      }
    }
    own.pointee.isPolling = true
    ck_barrier_wait(&barrier, count, &waits, &own.pointee.polls)
    own.pointee.isPolling = false
  }

  /// Waits until `condition` holds, which is asked again and again.
  func wait(until condition: () throws -> Bool) rethrows {
    if try condition() { return }
    own.pointee.isPolling = true
    defer { own.pointee.isPolling = false }
    for _ in 0..<waits.spins + waits.yields {
      if try condition() { return }
      own.pointee.polls &+= 1
      sched_yield()
    }
    while try !condition() {
      own.pointee.polls &+= 1
      usleep(waits.sleep_us)
    }
  }
}
