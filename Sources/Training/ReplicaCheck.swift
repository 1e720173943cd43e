import Basics
import CKernels
import DataParallel
import Graph
import MPI

/// Compares the nodes' copies of the parameters now and then: they must be equal to the last bit.
///
/// A node's hash rides with its leader's status, so that nothing more is sent while all is well;
/// where two differ, every rank sees it and the first parameter that does is named.
final class ReplicaCheck {
  private let group: RankGroup
  private let arena: NodeArena
  private let layout: ParameterLayout
  /// Steps between two comparisons.
  private static let interval = 100

  init(group: RankGroup, arena: NodeArena, layout: ParameterLayout) {
    self.group = group
    self.arena = arena
    self.layout = layout
  }

  private func isDue(_ step: Int) -> Bool { group.nodeCount > 1 && step % Self.interval == 0 }

  /// Before the ranks meet: says what this node has.
  func post(step: Int) {
    guard isDue(step), group.node.rank == 0 else { return }
    arena.own.pointee.parameterHash = ck_hash(arena.parameters, layout.arenaCount)
  }

  /// Behind the meeting. Collective: every rank.
  /// - Throws: `CollectiveFailure` naming host and parameter.
  func compare(step: Int) throws {
    guard isDue(step) else { return }
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
