import MPI

/// `MPI_Ireduce` adds the nodes' sums for the slices' owners, in an order of its own: the same bits
/// only on the same ranks and hosts.
final class FastSums: SumTransport {
  private let division: WorkDivision
  private let exchange: NodeExchange
  /// Position of the rank with this one's number on each node.
  private let lane: [Int]
  private let sums: UnsafeMutablePointer<Float>
  private let results: FloatMessages
  /// For each bucket: this rank's part in all its sums.
  private let arrivals: [RequestList]

  /// - Parameter sums: the node's own, laid out like the parameters.
  init(
    _ division: WorkDivision, position: Int, exchange: NodeExchange,
    sums: UnsafeMutablePointer<Float>
  ) {
    self.division = division
    self.exchange = exchange
    self.sums = sums
    let nodes = division.topology.nodes
    let local = position - nodes[exchange.nodeIndex].lowerBound
    lane = nodes.map { $0.lowerBound + local }
    results = FloatMessages(division, position: position, sums: [], inboxCount: 1)
    arrivals = division.buckets.map { _ in RequestList() }
  }

  func begin() {}

  /// The slices of all ranks of the lane, this one's included.
  func send(_ bucket: Int, _ addNode: AddNode) throws {
    for (node, owner) in lane.enumerated() {
      let slice = division.slices[bucket][owner]
      if slice.isEmpty { continue }
      slice.forEach(addNode)
      let elements = division.elements(of: slice)
      try exchange.startSum(
        UnsafeBufferPointer(start: sums + elements.lowerBound, count: elements.count), on: node,
        into: results.inbox(0, bucket: bucket), list: arrivals[bucket])
    }
  }

  func finish(_ addNode: AddNode) {}
  func wait(for bucket: Int) throws { try exchange.wait(for: arrivals[bucket]) }
  func open(block: Int, bucket: Int) {}

  func inbox(_ index: Int, block: Int, bucket: Int) -> UnsafeMutablePointer<Float> {
    results.values(index, block: block, bucket: bucket)
  }

  func received() throws -> (all: Int, here: Int) {
    var bytes = (all: 0, here: 0)
    for bucket in division.buckets.indices {
      let count = results.inbox(0, bucket: bucket).count
      bytes.all += count
      if try arrivals[bucket].areComplete() { bytes.here += count }
    }
    return bytes
  }

  func forgetErrors() {}
}
