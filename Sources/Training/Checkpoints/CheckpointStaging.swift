import CKernels
import DataParallel
import MPI

/// A second copy of parameters and optimizer state, from which a thread writes a checkpoint while
/// training goes on in the first. Shared by the ranks of the first rank's node, made and touched at
/// the start: a save allocates nothing.
final class CheckpointStaging {
  let parameters: UnsafeMutablePointer<Float>
  let state: [UnsafeMutablePointer<Float>]
  private let arena: NodeArena
  private let share: Range<Int>

  static func byteCount(_ sizes: NodeArena.Sizes) -> Int {
    sizes.parameters * 4 * (1 + sizes.stateSlots)
  }

  /// Collective: every rank.
  init(group: RankGroup, arena: NodeArena) throws {
    self.arena = arena
    let sizes = arena.sizes
    let count = group.nodeIndex == 0 ? sizes.parameters : 0
    let segment = try SharedSegment(
      in: group, byteCount: count * 4 * (1 + sizes.stateSlots),
      purpose: "the staging memory of checkpoints")
    let base = segment.base.assumingMemoryBound(to: Float.self)
    parameters = base
    state = (0..<sizes.stateSlots).map { base + ($0 + 1) * count }
    share = WorkDivision.share(count, rank: group.node.rank, of: group.node.size)
    // Maps the pages into this process: the first save is to be no slower than the others.
    for pointer in [parameters, arena.parameters] + state + arena.state where !share.isEmpty {
      ck_populate(pointer + share.lowerBound, share.count * 4)
    }
  }

  /// Copies this rank's share. The state is whole when every rank of the node has.
  func copyShare() {
    for (to, from) in zip([parameters] + state, [arena.parameters] + arena.state) {
      (to + share.lowerBound).update(from: from + share.lowerBound, count: share.count)
    }
  }
}
