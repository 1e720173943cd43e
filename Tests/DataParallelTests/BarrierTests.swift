import CKernels
import Foundation
import Testing

@Suite struct BarrierTests {
  /// Counts begin close to their end, so that they wrap on the way.
  @Test(arguments: [1, 2, 3, 5], [0, 100] as [UInt32])
  func nobodyPassesBeforeAllHaveArrived(_ participants: Int, spins: UInt32) {
    let rounds = 500
    let arrivals = UnsafeMutablePointer<ck_arrivals>.allocate(capacity: participants)
    let written = UnsafeMutablePointer<Int>.allocate(capacity: participants)
    defer { arrivals.deallocate() }
    defer { written.deallocate() }
    for participant in 0..<participants {
      arrivals[participant] = ck_arrivals()
      arrivals[participant].count = UInt32.max - 300
      written[participant] = 0
    }
    nonisolated(unsafe) let shared = (arrivals: arrivals, written: written)
    let wrong = Threads(participants) { own in
      var barrier = ck_barrier(
        arrivals: shared.arrivals, participants: UInt32(participants), own: UInt32(own))
      var policy = ck_wait_policy(spins: spins, yields: 10, sleep_us: 1)
      var polls: UInt64 = 0
      var wrong = 0
      for round in 1...rounds {
        shared.written[own] = round
        let arrival = ck_barrier_arrive(&barrier)
        ck_barrier_wait(&barrier, arrival, &policy, &polls)
        for other in 0..<participants where shared.written[other] != round { wrong += 1 }
        // Who writes the next round's number waits until all have read this one's.
        let count = ck_barrier_arrive(&barrier)
        while ck_barrier_is_passed(&barrier, count) == 0 { sched_yield() }
      }
      return wrong
    }.join()
    #expect(wrong == Array(repeating: 0, count: participants))
  }

  /// Who spins on the core of one that is late keeps it away.
  @Test func nobodySpinsOnTheCoreOfALateOne() {
    let arrivals = UnsafeMutablePointer<ck_arrivals>.allocate(capacity: 2)
    let polls = UnsafeMutablePointer<UInt64>.allocate(capacity: 1)
    defer { arrivals.deallocate() }
    defer { polls.deallocate() }
    arrivals.initialize(repeating: ck_arrivals(), count: 2)
    polls.initialize(to: 0)
    nonisolated(unsafe) let shared = (arrivals: arrivals, polls: polls)
    let seen = Threads(2) { own in
      var barrier = ck_barrier(arrivals: shared.arrivals, participants: 2, own: UInt32(own))
      if own == 0 {
        var policy = ck_wait_policy(spins: 100_000_000, yields: 1_000_000_000, sleep_us: 1)
        let count = ck_barrier_arrive(&barrier)
        shared.arrivals[1].core = shared.arrivals[0].core
        ck_barrier_wait(&barrier, count, &policy, shared.polls)
      } else {
        for _ in 0..<1000 where ck_load_acquire(shared.polls) == 0 { usleep(1000) }
        _ = ck_barrier_arrive(&barrier)
      }
      return Int(ck_load_acquire(shared.polls))
    }.join()
    #expect(seen[1] > 0)
  }
}

/// A thread each, since each waits for all the others: a pool may have fewer.
private final class Threads: Sendable {
  private let finished = DispatchGroup()
  private let lock = NSLock()
  private nonisolated(unsafe) var results: [Int]

  init(_ count: Int, _ body: @escaping @Sendable (Int) -> Int) {
    results = Array(repeating: -1, count: count)
    for index in 0..<count {
      finished.enter()
      Thread.detachNewThread { [self] in
        let result = body(index)
        lock.withLock { results[index] = result }
        finished.leave()
      }
    }
  }

  func join() -> [Int] {
    finished.wait()
    return lock.withLock { results }
  }
}
