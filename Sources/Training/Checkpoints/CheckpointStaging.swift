import Basics
import CKernels
import DataParallel
import MPI

/// A second copy of parameters and optimizer state, from which a thread writes a checkpoint while
/// training goes on in the first; and the one place where the whole state of several nodes comes
/// together, to be saved or resumed.
///
/// Shared by the ranks of the first rank's node, made and touched at the start: a save allocates
/// nothing.
final class CheckpointStaging {
  let parameters: UnsafeMutablePointer<Float>
  /// Laid out like the parameters.
  let state: [UnsafeMutablePointer<Float>]
  private let memory: RunMemory
  private let share: Range<Int>

  static func byteCount(_ sizes: NodeArena.Sizes) -> Int {
    sizes.parameters * 4 * (1 + sizes.state.count)
  }

  /// Collective: every rank.
  init(group: RankGroup, memory: RunMemory) throws {
    self.memory = memory
    let arena = memory.arena
    let sizes = arena.sizes
    let count = group.nodeIndex == 0 ? sizes.parameters : 0
    let segment = try SharedSegment(
      in: group, byteCount: count * 4 * (1 + sizes.state.count),
      purpose: "the staging memory of checkpoints")
    let base = segment.base.assumingMemoryBound(to: Float.self)
    parameters = base
    state = sizes.state.indices.map { base + ($0 + 1) * count }
    share = evenShare(count, rank: group.node.rank, of: group.node.size)
    // Maps the pages into this process: the first save is to be no slower than the others.
    for pointer in [parameters, arena.parameters] + state where !share.isEmpty {
      ck_populate(pointer + share.lowerBound, share.count * 4)
    }
    for (pointer, layout) in zip(arena.state, sizes.state) where !share.isEmpty {
      let own = evenShare(layout.count, rank: group.node.rank, of: group.node.size)
      ck_populate(pointer + own.lowerBound, own.count * 4)
    }
  }

  /// Copies parameters and state as they are now. Collective: every rank.
  func copy() throws {
    (parameters + share.lowerBound).update(
      from: memory.arena.parameters + share.lowerBound, count: share.count)
    try memory.collectState(into: state)
  }
}
