import Basics

/// `PowerSGD` over the nodes: the two small exchanges of a step.
///
/// A rank works on its share of the tensors, wherever its slices of the parameters are; what it
/// leaves in the node's first slot is for all ranks of the node behind a meeting.
final class LowRankExchange: SumTransport {
  private let method: PowerSGD
  private let lane: LaneSum
  private let arena: NodeArena
  private let division: WorkDivision
  /// The blocks whose sums of the node it wants, and leaves the sums of all nodes in.
  private let blocks: [Int]
  private let receivedBytes: Int

  init(
    _ tensors: [TensorShape], rank: Int, division: WorkDivision, position: Int,
    exchange: NodeExchange, arena: NodeArena
  ) {
    let method = PowerSGD(
      tensors, rank: rank, topology: division.topology, position: position,
      sums: arena.gradientSlots[0])
    self.arena = arena
    self.division = division
    self.method = method
    lane = LaneSum(exchange: exchange, longest: max(method.first.count, method.second.count))
    blocks = division.blocks.indices.filter { block in
      method.elements.contains { $0.contains(division.blocks[block].lowerBound) }
    }
    receivedBytes = lane.receivedBytes(method.first) + lane.receivedBytes(method.second)
  }

  func begin() {}
  func send(_ bucket: Int, _ addNode: AddNode) {}

  /// Puts the sums of all nodes into the first slot of each. Collective: every rank of the run.
  func finish(_ addNode: AddNode) throws {
    blocks.forEach(addNode)
    method.writeFirst()
    try lane.replace(method.first, tag: NodeExchange.sumTag)
    method.writeSecond()
    try lane.replace(method.second, tag: NodeExchange.sumTag)
    method.expand()
    arena.barrier()
  }

  func wait(for bucket: Int) {}
  func open(block: Int, bucket: Int) {}

  func inbox(_ index: Int, block: Int, bucket: Int) -> UnsafeMutablePointer<Float> {
    arena.gradientSlots[0] + division.blocks[block].lowerBound
  }

  func received() -> (all: Int, here: Int) { (receivedBytes, 0) }
  func forgetErrors() { method.forget() }
}
