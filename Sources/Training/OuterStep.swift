import Basics
import CKernels
import DataParallel
import Graph
import Optimizers

/// Makes hosts that trained apart for some steps one again: brings what they have come to together,
/// for an `OuterUpdate` to move the parameters.
///
/// Running statistics and the state of the inner optimizer become their means over the hosts, so
/// that behind an outer step all hosts are equal, to save, evaluate and stop. (In the paper every
/// host keeps its own state; to send Adam's too, it says, is three times the bytes and changes
/// nothing in the result.)
///
/// θ₀, which all hosts had when they last met, and v are this rank's slices of the parameters only:
/// each is updated once in the run.
package final class OuterStep {
  private let memory: RunMemory
  private let arena: NodeArena
  private let division: WorkDivision
  private let position: Int
  private let node: Int
  private let layout: ParameterLayout
  private let update: OuterUpdate
  /// The arrays of state whose means are taken; behind them lie those of the outer optimizer.
  private let innerSlots: Range<Int>
  /// For each bucket: where this rank's slice begins in `start` and the inboxes.
  private let starts: [Int]
  /// θ₀.
  private let start: AlignedBuffer<Float>
  /// What other nodes have of this rank's slices, in their order.
  private let inboxes: [AlignedBuffer<Float>]
  /// The outer optimizer's arrays, where one block of them begins.
  private let state: UnsafeMutablePointer<UnsafeMutablePointer<Float>>
  /// Bytes that came from other hosts before they were joined.
  package private(set) var receivedBytes = 0

  /// Begins with the parameters as they are.
  init(
    memory: RunMemory, division: WorkDivision, position: Int, layout: ParameterLayout,
    optimizer: any Optimizer, learningRate: Double
  ) {
    self.memory = memory
    arena = memory.arena
    self.division = division
    self.position = position
    node = division.topology.node(of: position)
    self.layout = layout
    update = OuterUpdate(
      optimizer: optimizer, learningRate: learningRate, hosts: division.topology.nodes.count,
      longest: division.blocks.map(\.count).max() ?? 1)
    innerSlots = 0..<(arena.state.count - optimizer.stateNames.count)
    let slices = division.packedSlices(of: position)
    starts = slices.starts
    start = AlignedBuffer(count: slices.count)
    inboxes = (1..<division.topology.nodes.count).map { _ in AlignedBuffer(count: slices.count) }
    state = .allocate(capacity: max(1, optimizer.stateNames.count))
    forEachBlock { _, range, place in
      (start.pointer + place).update(from: arena.parameters + range.lowerBound, count: range.count)
    }
  }

  deinit { state.deallocate() }

  /// Private bytes of a rank.
  static func byteCount(_ division: WorkDivision, position: Int) -> Int {
    division.packedSlices(of: position).count * 4 * division.topology.nodes.count
  }

  /// Joins the hosts. Collective: every rank, behind a meeting of each host's.
  /// - Returns: whether this rank's slices of the parameters are finite.
  func join() throws -> Bool {
    arena.enter(.joining)
    var isFinite = true
    try gather(arena.parameters)
    forEachBlock { block, range, place in
      move(block, range, place)
      let parameters = arena.parameters + range.lowerBound
      parameters.update(from: start.pointer + place, count: range.count)
      if ck_all_finite(parameters, range.count) == 0 { isFinite = false }
    }
    try memory.shareParameters()
    for slot in innerSlots {
      try gather(arena.state[slot])
      forEachBlock { _, range, place in average(arena.state[slot], range, place) }
      try memory.shareState(slot)
    }
    return isFinite
  }

  private func gather(_ array: UnsafeMutablePointer<Float>) throws {
    try memory.gatherCopies(of: array, into: inboxes)
    receivedBytes += inboxes.count * start.byteCount
  }

  /// One block of θ₀.
  private func move(_ block: Int, _ range: Range<Int>, _ place: Int) {
    let start = start.pointer + place
    func copy(_ host: Int) -> UnsafePointer<Float> {
      value(arena.parameters, of: host, range, place)
    }
    if layout.entries[layout.blocks[block].entry].parameter.statistic != nil {
      return update.settle(start, count: range.count, copies: copy)
    }
    for slot in update.optimizer.stateNames.indices {
      let array = innerSlots.upperBound + slot
      state[slot] = arena.state[array] + arena.sizes.state[array].starts[block]
    }
    update.move(start, state: UnsafePointer(state), count: range.count, copies: copy)
  }

  /// One block of `array` becomes the mean over the hosts.
  private func average(_ array: UnsafeMutablePointer<Float>, _ range: Range<Int>, _ place: Int) {
    update.average(array + range.lowerBound, count: range.count) {
      value(array, of: $0, range, place)
    }
  }

  /// Where a block of `array` as `host` has it lies.
  private func value(
    _ array: UnsafeMutablePointer<Float>, of host: Int, _ range: Range<Int>, _ place: Int
  ) -> UnsafePointer<Float> {
    UnsafePointer(
      host == node
        ? array + range.lowerBound : inboxes[host < node ? host : host - 1].pointer + place)
  }

  /// This rank's blocks: number, elements in the arena, and place in `start`.
  private func forEachBlock(_ body: (Int, Range<Int>, Int) -> Void) {
    for (bucket, slices) in division.slices.enumerated() {
      let slice = slices[position]
      let first = division.elements(of: slice).lowerBound
      for block in slice {
        let range = division.blocks[block]
        body(block, range, starts[bucket] + range.lowerBound - first)
      }
    }
  }
}
