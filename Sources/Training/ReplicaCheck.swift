import Basics
import CKernels
import DataParallel
import Graph
import MPI

/// Compares the nodes' copies of the parameters now and then: they must be equal to the last bit.
///
/// A node's hash is a word of its leader's status; where two differ, every rank sees it and the
/// first parameter that does is named.
final class ReplicaCheck {
  private let group: RankGroup
  private let memory: RunMemory
  private let layout: ParameterLayout
  /// Steps between two comparisons.
  private let interval: Int
  private static let leastInterval = 100

  /// - Parameter roundSteps: after so many steps all nodes have the same parameters.
  init(group: RankGroup, memory: RunMemory, layout: ParameterLayout, roundSteps: Int) {
    self.group = group
    self.memory = memory
    self.layout = layout
    interval = Self.leastInterval.roundedUp(to: roundSteps)
  }

  /// Before step `step`. Collective: every rank.
  /// - Throws: `CollectiveFailure` naming host and parameter.
  func check(step: Int) throws {
    guard group.nodeCount > 1, step % interval == 0 else { return }
    let arena = memory.arena
    if group.node.rank == 0 {
      arena.own.pointee.parameterHash = ck_hash(arena.parameters, layout.arenaCount)
    }
    try memory.gatherStatuses()
    let hashes = group.topology.nodes.map { arena.statuses[$0.lowerBound].parameterHash }
    guard hashes.contains(where: { $0 != hashes[0] }) else { return }
    var first = ReplicaCheck.hashes(of: arena.parameters, layout)
    try first.withUnsafeMutableBufferPointer { try group.world.broadcast($0) }
    try group.agree {
      guard group.node.rank == 0, hashes[group.nodeIndex] != hashes[0] else { return }
      let own = ReplicaCheck.hashes(of: arena.parameters, layout)
      let name = zip(own, first).enumerated().first { $0.element.0 != $0.element.1 }
        .map { layout.entries[$0.offset].parameter.name }
      throw Failure.internalError(
        "before step \(step): \(name ?? "the padding between parameters") on host "
          + "\(group.hosts[group.nodeIndex]) is not what it is on host \(group.hosts[0])",
        remedy: "A host's memory or its network changes data. Continue with --resume latest, "
          + "without that host.")
    }
  }

  /// One hash a parameter.
  private static func hashes(
    of parameters: UnsafeMutablePointer<Float>, _ layout: ParameterLayout
  ) -> [UInt64] {
    layout.entries.map { ck_hash(parameters + $0.offset, $0.parameter.count) }
  }
}
