import Basics
import CKernels

/// Computes a rank's leaves and leaves one gradient sum a subtree in its slots.
///
/// The last leaf's backward pass fills the last layers first: as soon as a bucket of it is final,
/// the bucket's sums are too, and other nodes can have them while the rest is still computed.
package final class SlotFiller {
  /// Computes one leaf's gradient sum into the buffer it is given, and says from which element on
  /// it is final whenever that changes.
  package typealias Leaf = (
    _ leaf: Int, _ gradient: UnsafeMutablePointer<Float>,
    _ isFinalFrom: (_ element: Int) throws -> Void
  ) throws -> Void

  private let arena: NodeArena
  private let tree: CanonicalTree
  private let slots: [(node: Int, slot: Int)]
  private let buckets: [Range<Int>]
  /// Elements of all buckets.
  private let elementCount: Int
  private let scratch: [AlignedBuffer<Float>]
  /// Called with the number of buckets of which this rank's sums are there, and now and then
  /// between, so that what is under way can go on.
  var didFill: (_ count: Int) throws -> Void = { _ in }

  /// State of the step.
  private var isFinite = true
  private var filled = 0
  private var lastLeaf: UnsafeMutablePointer<Float>?
  /// Where the part of the last leaf begins that has been looked at.
  private var lookedFrom = 0
  /// Additions that wait for the last leaf, outermost first.
  private var pending: [(target: UnsafeMutablePointer<Float>, right: UnsafeMutablePointer<Float>)]

  init(arena: NodeArena, division: WorkDivision, position: Int) {
    self.arena = arena
    tree = division.tree
    buckets = division.buckets.map(division.elements(of:))
    elementCount = buckets.map(\.upperBound).max() ?? 0
    let first = division.firstSlot(of: position)
    slots = division.subtrees[position].enumerated().map { ($0.element, first + $0.offset) }
    let depth = slots.map { division.tree.scratchDepth(of: $0.node) }.max() ?? 0
    scratch = (0..<depth).map { _ in AlignedBuffer(count: arena.sizes.parameters) }
    pending = []
    pending.reserveCapacity(depth)
  }

  /// - Returns: whether every leaf's gradient is finite. Leaves are looked at, not their sums, so
  ///   that the answer does not depend on which rank added which.
  func fill(_ computeLeaf: Leaf) throws -> Bool {
    isFinite = true
    filled = 0
    lastLeaf = nil
    lookedFrom = elementCount
    for (index, own) in slots.enumerated() {
      pending.removeAll(keepingCapacity: true)
      try fill(
        own.node, into: arena.gradientSlots[own.slot], depth: 0,
        isLast: index == slots.count - 1, computeLeaf)
    }
    try finish(from: 0)
    return isFinite
  }

  private func fill(
    _ index: Int, into target: UnsafeMutablePointer<Float>, depth: Int, isLast: Bool,
    _ computeLeaf: Leaf
  ) throws {
    let node = tree.nodes[index]
    guard let children = node.children else {
      if isLast { lastLeaf = target }
      try computeLeaf(node.leaves.lowerBound, target) { element in
        if isLast { try finish(from: element) }
      }
      if !isLast && ck_all_finite(target, arena.sizes.parameters) == 0 { isFinite = false }
      return
    }
    try fill(children.left, into: target, depth: depth, isLast: false, computeLeaf)
    let right = scratch[depth].pointer
    if isLast { pending.append((target, right)) }
    try fill(children.right, into: right, depth: depth + 1, isLast: isLast, computeLeaf)
    if !isLast { ck_add(target, target, right, arena.sizes.parameters) }
  }

  /// The last leaf's gradient is final from `element` on.
  private func finish(from element: Int) throws {
    // At once, while it is in a cache.
    if let lastLeaf, element < lookedFrom {
      if ck_all_finite(lastLeaf + element, lookedFrom - element) == 0 { isFinite = false }
      lookedFrom = element
    }
    while filled < buckets.count, buckets[filled].lowerBound >= element {
      let (start, count) = (buckets[filled].lowerBound, buckets[filled].count)
      for addition in pending.reversed() {
        let target = addition.target + start
        ck_add(target, target, addition.right + start, count)
      }
      filled += 1
    }
    try didFill(filled)
  }
}
