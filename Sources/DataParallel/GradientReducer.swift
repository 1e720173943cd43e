import Basics
import CKernels

/// Sums gradients where they lie, in canonical order, one block at a time.
///
/// Contract: between the two barriers of a step, each rank reads all slots of its own slice and
/// nobody writes them; the sum of a block is handed, still in cache, to the caller's closure.
package final class GradientReducer {
  private let arena: NodeArena
  private let division: WorkDivision
  private let position: Int
  /// a + b → target, over slots (≥ 0) and temporaries (< 0: −1 is temporary 0).
  private let additions: [(target: Int, left: Int, right: Int)]
  private let result: Int
  private let temporaries: AlignedBuffer<Float>
  private let blockLength: Int
  private let scratch: [AlignedBuffer<Float>]
  private let ownSlots: [(node: Int, slot: Int)]

  /// - Parameter position: this rank in (node, local rank) order.
  package init(arena: NodeArena, division: WorkDivision, position: Int) {
    self.arena = arena
    self.division = division
    self.position = position
    let published = division.published
    var place: [Int: Int] = [:]
    for (slot, node) in published.enumerated() { place[node] = slot }
    var temporaryCount = 0
    additions = division.tree.additions(from: published).map { addition in
      temporaryCount += 1
      place[addition.node] = -temporaryCount
      return (-temporaryCount, place[addition.left] ?? 0, place[addition.right] ?? 0)
    }
    result = place[division.tree.root] ?? 0
    blockLength = division.blocks.map(\.count).max() ?? 1
    temporaries = AlignedBuffer(count: max(1, temporaryCount) * blockLength)
    let first = division.firstSlot(of: position)
    ownSlots = division.subtrees[position].enumerated().map { ($0.element, first + $0.offset) }
    let depth = ownSlots.map { division.tree.scratchDepth(of: $0.node) }.max() ?? 0
    scratch = (0..<depth).map { _ in AlignedBuffer(count: arena.sizes.parameters) }
  }

  /// Computes this rank's leaves and leaves one gradient sum a subtree in its slots.
  ///
  /// - Parameter computeLeaf: writes the gradient sum of one leaf into the buffer it is given.
  /// - Returns: whether every leaf's gradient is finite. Leaves are looked at, not their sums, so
  ///   that the answer does not depend on which rank added which.
  package func fillSlots(
    _ computeLeaf: (_ leaf: Int, _ gradient: UnsafeMutablePointer<Float>) throws -> Void
  ) rethrows -> Bool {
    var isFinite = true
    for (node, slot) in ownSlots {
      let target = arena.gradientSlots[slot]
      try fill(node, into: target, depth: 0, &isFinite, computeLeaf)
    }
    return isFinite
  }

  private func fill(
    _ index: Int, into target: UnsafeMutablePointer<Float>, depth: Int, _ isFinite: inout Bool,
    _ computeLeaf: (Int, UnsafeMutablePointer<Float>) throws -> Void
  ) rethrows {
    let node = division.tree.nodes[index]
    if node.isLeaf {
      try computeLeaf(node.leaves.lowerBound, target)
      if ck_all_finite(target, arena.sizes.parameters) == 0 { isFinite = false }
      return
    }
    try fill(node.left, into: target, depth: depth, &isFinite, computeLeaf)
    let right = scratch[depth].pointer
    try fill(node.right, into: right, depth: depth + 1, &isFinite, computeLeaf)
    ck_add(target, target, right, arena.sizes.parameters)
  }

  /// The sum over all leaves of each block of this rank's slice.
  ///
  /// - Parameters:
  ///   - keeps: whether the sums stay for `visitKept` (a global norm must be known first); they
  ///     then lie in the first slot, which nobody else reads in this slice.
  ///   - body: block number, the block's elements in the arena, and its sum, which it may change.
  package func reduceSlice(
    keeps: Bool, _ body: (Int, Range<Int>, UnsafeMutablePointer<Float>) -> Void
  ) {
    for block in division.slices[position] {
      let range = division.blocks[block]
      let sum = reduce(range)
      body(block, range, sum)
      if keeps && sum != arena.gradientSlots[0] + range.lowerBound {
        (arena.gradientSlots[0] + range.lowerBound).update(from: sum, count: range.count)
      }
    }
  }

  /// The blocks of this rank's slice as `reduceSlice(keeps: true)` left them.
  package func visitKept(_ body: (Int, Range<Int>, UnsafeMutablePointer<Float>) -> Void) {
    for block in division.slices[position] {
      let range = division.blocks[block]
      body(block, range, arena.gradientSlots[0] + range.lowerBound)
    }
  }

  private func reduce(_ range: Range<Int>) -> UnsafeMutablePointer<Float> {
    for addition in additions {
      ck_add(
        address(addition.target, range), address(addition.left, range),
        address(addition.right, range), range.count)
    }
    return address(result, range)
  }

  private func address(_ place: Int, _ range: Range<Int>) -> UnsafeMutablePointer<Float> {
    place >= 0
      ? arena.gradientSlots[place] + range.lowerBound
      : temporaries.pointer + (-place - 1) * blockLength
  }
}
