import Basics
import CKernels
package import DataParallel
import MPI
import Reports

/// `check`: does this cluster do what the trainer relies on? Every collective against an oracle,
/// with different data on every rank, on every kind of communicator; shared memory; threads and
/// binding; one program and one folder.
package struct ClusterCheck {
  /// One question and its answer.
  package struct Result: Sendable {
    package let name: String
    package let passed: Bool
    package let detail: String
  }

  let group: RankGroup
  private var results: [Result] = []

  package init(group: RankGroup) { self.group = group }

  /// Collective: every rank. The same results on every rank.
  package mutating func run() throws -> [Result] {
    try record(
      "ranks and hosts", true, "\(group.size) ranks on \(group.nodeCount) host(s): \(nodeMap)")
    try collectives("world", group.world)
    try collectives("node", group.node)
    try collectives("duplicate", group.world.duplicate())
    try collectives("split", group.world.split(color: group.rank % 2, key: -group.rank))
    try collectives(
      "leaders and others", group.world.split(color: min(1, group.node.rank), key: group.position))
    try sharedMemory()
    let affinity = try Affinity(group)
    let isCrowded = affinity.sharers > affinity.ownCores
    try record(
      "cores and binding", true,
      "\(affinity.ownCores) core(s) a rank, \(affinity.nodeCores) on this host; "
        + (affinity.advice
          ?? (isCrowded ? "ranks outnumber cores: waiting ranks give theirs away" : "good")))
    try links()
    try folder()
    let difference = try group.difference("program", ProgramIdentity.lines(group))
    try record(
      "same program", difference == nil,
      difference ?? "\(Version.lines[0]), oneDNN \(Platform.current.oneDNN)")
    return results
  }

  /// A question passes where every rank says so; the detail is the lowest failing rank's.
  mutating func record(_ name: String, _ passed: Bool, _ detail: String) throws {
    group.own.enter(.measuring)
    let failing = try group.world.allreduce(value: passed ? Int.max : group.rank, .minimum)
    var text = detail
    if failing != Int.max {
      let bytes = Array("rank \(group.rank) on \(MPIRuntime.processorName): \(detail)".utf8)
      text = String(
        decoding: try group.world.broadcast(bytes: bytes, root: failing), as: UTF8.self)
    }
    results.append(Result(name: name, passed: failing == Int.max, detail: text))
  }

  // MARK: Collectives

  /// What rank r holds at element i: different everywhere, exact in every type.
  private static func value(_ rank: Int, _ element: Int) -> Int {
    (rank * 7919 + element * 104_729) % 1000 - 500
  }

  private mutating func collectives(
    _ name: String, _ communicator: borrowing Communicator
  ) throws {
    var wrong: [String] = []
    for count in [1, 3, 1024, 100_000] {
      if try !numbers(Float.self, count, communicator, { Float($0) }) { wrong.append("float") }
      if try !numbers(Double.self, count, communicator, { Double($0) }) { wrong.append("double") }
      if try !numbers(Int.self, count, communicator, { $0 }) { wrong.append("int64") }
    }
    if try !ring(communicator) { wrong.append("send and receive") }
    let size = communicator.size
    let text = wrong.isEmpty ? "\(size) ranks" : "wrong results: " + wrong.joined(separator: ", ")
    try record("collectives on \(name)", wrong.isEmpty, text)
  }

  private func numbers<Element: MPIElement & Comparable>(
    _ type: Element.Type, _ count: Int, _ communicator: borrowing Communicator,
    _ convert: (Int) -> Element
  ) throws -> Bool {
    let (rank, size) = (communicator.rank, communicator.size)
    let own = (0..<count).map { convert(ClusterCheck.value(rank, $0)) }
    func expected(_ combine: (Int, Int) -> Int) -> [Element] {
      (0..<count).map { element in
        let values = (0..<size).map { ClusterCheck.value($0, element) }
        return convert(values.dropFirst().reduce(values[0], combine))
      }
    }
    var passed = true
    for (reduction, combine) in [
      (Reduction.sum, { $0 + $1 }), (.minimum, { min($0, $1) }), (.maximum, { max($0, $1) }),
    ] as [(Reduction, (Int, Int) -> Int)] {
      let oracle = expected(combine)
      var buffer = own
      try buffer.withUnsafeMutableBufferPointer { try communicator.allreduce($0, reduction) }
      passed = passed && buffer == oracle
      buffer = own
      try buffer.withUnsafeMutableBufferPointer {
        let request = try communicator.startAllreduce($0, reduction)
        try request.wait()
      }
      passed = passed && buffer == oracle
      buffer = own
      let root = size - 1
      try buffer.withUnsafeMutableBufferPointer {
        try communicator.reduce($0, reduction, root: root)
      }
      passed = passed && (rank == root ? buffer == oracle : buffer == own)
    }
    for root in 0..<size {
      var buffer = own
      try buffer.withUnsafeMutableBufferPointer { try communicator.broadcast($0, root: root) }
      passed = passed && buffer == (0..<count).map { convert(ClusterCheck.value(root, $0)) }
    }
    let everything = (0..<size).flatMap { rank in
      (0..<count).map { convert(ClusterCheck.value(rank, $0)) }
    }
    var all = [Element](repeating: convert(0), count: count * size)
    try own.withUnsafeBufferPointer { mine in
      try all.withUnsafeMutableBufferPointer { try communicator.allgather(mine, into: $0) }
    }
    passed = passed && all == everything
    all = [Element](repeating: convert(0), count: count * size)
    try own.withUnsafeBufferPointer { mine in
      try all.withUnsafeMutableBufferPointer { try communicator.gather(mine, into: $0) }
    }
    return passed && (rank != 0 || all == everything)
  }

  /// Each rank sends to the next and receives from the one before, both ways of sending.
  private func ring(_ communicator: borrowing Communicator) throws -> Bool {
    let (rank, size) = (communicator.rank, communicator.size)
    let next = (rank + 1) % size
    let previous = (rank + size - 1) % size
    let own = (0..<5000).map { ClusterCheck.value(rank, $0) }
    var received = [Int](repeating: 0, count: own.count)
    try received.withUnsafeMutableBufferPointer { target in
      try own.withUnsafeBufferPointer { source in
        let receiving = try communicator.startReceive(into: target, from: previous, tag: 1)
        let sending = try communicator.startSend(source, to: next, tag: 1)
        try receiving.wait()
        try sending.wait()
      }
    }
    return received == (0..<5000).map { ClusterCheck.value(previous, $0) }
  }

  // MARK: Shared memory

  private mutating func sharedMemory() throws {
    let ranks = group.node.size
    let count = 1 << 16
    let segment = try SharedSegment(
      in: group, byteCount: ranks * count * 8, purpose: "the check's window")
    let values = segment.base.bindMemory(to: Int.self, capacity: ranks * count)
    let local = group.node.rank
    for element in 0..<count {
      values[local * count + element] = ClusterCheck.value(local, element)
    }
    try group.node.barrier()
    let passed = (0..<ranks).allSatisfy { rank in
      (0..<count).allSatisfy { values[rank * count + $0] == ClusterCheck.value(rank, $0) }
    }
    try group.node.barrier()
    try record(
      "shared memory", passed,
      passed
        ? "\(segment.backing.rawValue): every rank reads every rank's writes"
        : "a write was not seen")
  }
}
