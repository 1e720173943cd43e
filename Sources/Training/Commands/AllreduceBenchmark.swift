import Basics
import CKernels
package import DataParallel
import MPI
import Reports

/// `bench allreduce`: the trainer's own reduction beside `MPI_Allreduce` and a memory copy, in one
/// run and on the same bytes.
///
/// What is measured is the product's path (`StepMeetings`, `GradientReducer`), first with the result
/// once a node, which is all that training needs, then with the result in every rank's buffer in
/// place of its operand, which is what MPI delivers. Our buffers are the gradient slots, which the
/// ranks of a node share. MPI's are of each rank's own: it is slower where they are shared. Every
/// operand is written anew before each, as gradients are, or it would be in every cache already; the
/// time of writing alone is taken off.
package final class AllreduceBenchmark {
  private let group: RankGroup
  private let arena: NodeArena
  private let meetings: StepMeetings
  private let reducer: GradientReducer
  private let division: WorkDivision
  private let slot: Int
  private let isOneNode: Bool
  /// MPI's operand and result, and where a copy goes.
  private let buffer: AlignedBuffer<Float>

  /// Seconds of one measurement, and how many are taken of each; the fastest counts.
  private static let seconds = 0.02
  private static let rounds = 5

  /// 4 bytes to `largestBytes`, each 4 times the one before.
  package static func sizes(upTo largestBytes: Int) -> [Int] {
    Array(sequence(first: 4) { $0 * 4 <= largestBytes ? $0 * 4 : nil })
  }

  /// Collective: every rank.
  package init(group: RankGroup, bytes: Int) throws {
    self.group = group
    group.own.enter(.measuring)
    let count = bytes / 4
    division = WorkDivision(
      topology: group.topology,
      tree: CanonicalTree(
        leafCount: group.size, groupSize: group.topology.ranksPerNode ?? group.size),
      blocks: AllreduceBenchmark.blocks(count, ranks: group.size),
      bucketElements: group.topology.bucketElements())
    let sizes = NodeArena.Sizes(
      parameters: count, state: [],
      gradientSlots: division.published(on: group.nodeIndex).count, leaves: group.size,
      blocks: division.blocks.count, chunks: 0, buckets: division.buckets.count)
    try group.agree {
      try MemoryPlan(
        rankBytes: bytes, localRanks: group.node.size, windowBytes: sizes.byteCount,
        stagingBytes: 0,
        dataBytes: 0
      ).check()
    }
    let policy = WaitPolicy(group: group, cores: try Affinity(group).nodeCores)
    arena = try group.agree { try NodeArena(group: group, sizes: sizes, policy: policy) }
    meetings = StepMeetings(
      arena: arena, team: StepTeam(all: division, position: group.position),
      exchange: try NodeExchange(group: group, policy: policy))
    reducer = GradientReducer(
      arena: arena, division: division, exchange: meetings.exchange, position: group.position)
    slot = division.firstSlot(of: group.position)
    isOneNode = group.nodeCount == 1
    buffer = AlignedBuffer(count: count)
  }

  /// Small enough that all have something to add, where it is more than a few cache lines, and of
  /// whole pairs of these.
  private static func blocks(_ count: Int, ranks: Int) -> [Range<Int>] {
    let length = max(64, min(4096, (count / ranks).roundedUp(to: 32)))
    return stride(from: 0, to: count, by: length).map { $0..<min($0 + length, count) }
  }

  /// Measures. Collective; the same line on every rank.
  /// - Throws: `Failure.internalError` where a sum is wrong.
  package func measure() throws -> String {
    let (target, count) = (buffer.pointer, buffer.count)
    let own = arena.gradientSlots[slot]
    let operand = buffer.elements

    for isEverywhere in [false, true] {
      for element in 0..<count { own[element] = AllreduceBenchmark.value(group.position, element) }
      try sum(inEverySlot: isEverywhere)
      try group.agree {
        if isEverywhere {
          try check(own, 0..<count)
        } else if isOneNode {
          try reducer.visitKept { _, elements, sums in try check(sums, elements) }
        } else {
          try check(arena.parameters, 0..<count)
        }
      }
    }
    func renew(_ operand: UnsafeMutablePointer<Float>) {
      operand.update(repeating: 0, count: count)
    }
    renew(target)
    let times = try fastest([
      {
        renew(own)
        try self.sum(inEverySlot: false)
      },
      {
        renew(own)
        try self.sum(inEverySlot: true)
      },
      {
        renew(target)
        try self.group.world.allreduce(operand, .sum)
      },
      // Each rank its own bytes: what ranks copy alike, a cache that they share fetches once.
      { target.update(from: own, count: count) }, { renew(own) }, { renew(target) },
    ])
    // One rank has nothing to do: what is left is below what a clock tells.
    func net(_ time: Double, of renewal: Double) -> Double { max(1e-9, time - renewal) }
    return line(
      buffer.byteCount,
      [
        net(times[0], of: times[4]), net(times[1], of: times[4]), net(times[2], of: times[5]),
        times[3],
      ])
  }

  /// On one node the sums lie in slots, where training keeps those that it needs twice, and each
  /// owner writes its slice of the other slots too, which it has just read. Between nodes sums lie
  /// where the parameters do, since these travel.
  private func sum(inEverySlot: Bool) throws {
    let (parameters, slots) = (arena.parameters, arena.gradientSlots)
    try reducer.publishSlots()
    try meetings.gatherVotes()
    try reducer.reduceSlices(keeps: isOneNode) { _, range, addition in
      let sum = isOneNode ? addition.sum : parameters + range.lowerBound
      if let right = addition.right {
        ck_add(sum, addition.left, right, range.count)
      } else if sum != addition.left {
        sum.update(from: addition.left, count: range.count)
      }
      if isOneNode && inEverySlot {
        for slot in slots where slot + range.lowerBound != sum {
          (slot + range.lowerBound).update(from: sum, count: range.count)
        }
      }
    } didFinish: {
      try meetings.startSharingParameters(bucket: $0)
    }
    try meetings.gatherParameters()
    if !isOneNode && inEverySlot { slots[slot].update(from: parameters, count: buffer.count) }
  }

  /// What each rank holds: sums are exact in any order.
  private static func value(_ position: Int, _ element: Int) -> Float {
    Float((position * 7919 + element * 104_729) % 1000)
  }

  /// The sums of `elements`, which begin at `sums`.
  private func check(_ sums: UnsafePointer<Float>, _ elements: Range<Int>) throws {
    let wrong = elements.first { element in
      sums[element - elements.lowerBound]
        != (0..<group.size).reduce(0) { $0 + AllreduceBenchmark.value($1, element) }
    }
    if let wrong {
      throw Failure.internalError("element \(wrong) of \(buffer.count) has a wrong sum")
    }
  }

  /// The slowest rank's seconds of each, taken in turn, so that a busy moment meets all of them.
  private func fastest(_ bodies: [() throws -> Void]) throws -> [Double] {
    let repetitions = try bodies.map { body in
      let once = try group.slowestSeconds(repetitions: 3, body)
      return max(2, min(100_000, Int(AllreduceBenchmark.seconds / max(once, 1e-9))))
    }
    var taken = bodies.map { _ in [Double]() }
    for _ in 0..<AllreduceBenchmark.rounds {
      for (index, body) in bodies.enumerated() {
        taken[index].append(try group.slowestSeconds(repetitions: repetitions[index], body))
      }
    }
    return taken.map { $0.min() ?? 0 }
  }

  private func line(_ bytes: Int, _ times: [Double]) -> String {
    let (node, every, mpi, copy) = (times[0], times[1], times[2], times[3])
    var line = ResultLine()
    line.add("bytes", bytes)
    line.add("ranks", group.size)
    line.add("hosts", group.nodeCount)
    for (name, seconds) in [("node", node), ("every", every), ("mpi", mpi), ("copy", copy)] {
      line.add(name + "_us", seconds * 1e6, decimals: 2)
    }
    line.add("node_gb_s", Double(bytes) / node / 1e9, decimals: 3)
    line.add("mpi_over_node", mpi / node, decimals: 2)
    line.add("mpi_over_every", mpi / every, decimals: 2)
    if isOneNode {
      // R slots are read and one result is written; the copies of R ranks read and write R each.
      let ranks = Double(group.size)
      let limit = copy * (ranks + 1) / (2 * ranks)
      line.add("of_limit", limit / node, decimals: 2)
    }
    return line.text
  }
}
