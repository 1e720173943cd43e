import Basics

/// `PowerSGD` over the nodes: the two small exchanges of a step.
///
/// A rank works on its share of the tensors, wherever its slices of the parameters are; what it
/// leaves in the node's first slot is for all ranks of the node behind a meeting.
final class LowRankExchange {
  private let method: PowerSGD
  private let lane: LaneSum
  /// The blocks whose sums of the node it wants, and leaves the sums of all nodes in.
  let blocks: [Int]
  /// Bytes that come from other nodes in a step.
  let receivedBytes: Int

  init(
    _ tensors: [TensorShape], rank: Int, division: WorkDivision, position: Int,
    exchange: NodeExchange, sums: UnsafeMutablePointer<Float>
  ) {
    let method = PowerSGD(
      tensors, rank: rank, topology: division.topology, position: position, sums: sums)
    self.method = method
    lane = LaneSum(exchange: exchange, longest: max(method.first.count, method.second.count))
    blocks = division.blocks.indices.filter { block in
      method.elements.contains { $0.contains(division.blocks[block].lowerBound) }
    }
    receivedBytes = lane.receivedBytes(method.first) + lane.receivedBytes(method.second)
  }

  /// Collective: every rank of the run, where no step of one is skipped that others do.
  func sum() throws {
    method.writeFirst()
    try lane.replace(method.first, tag: NodeExchange.sumTag)
    method.writeSecond()
    try lane.replace(method.second, tag: NodeExchange.sumTag)
    method.expand()
  }

  func forget() { method.forget() }
}
