import MPI

/// Each slice's sums travel straight from every node to the slice's owner, who adds them in the
/// order of the canonical tree.
///
/// A node sends (N−1)/N of a gradient, as recursive halving would, but all messages are under way
/// at once and any tree of additions can be followed. A node whose leaves are no single subtree
/// sends one sum for each of its maximal ones.
final class OwnerSums: SumTransport {
  private let division: WorkDivision
  private let exchange: NodeExchange
  private let messages: any SumMessages
  private let sumCount: Int
  private let inboxCount: Int
  /// Who fills each inbox, by position.
  private let senders: [Int]
  /// For each bucket: what fills the inboxes.
  private let arrivals: [RequestList]

  init(
    _ division: WorkDivision, plan: ReductionPlan, exchange: NodeExchange,
    messages: any SumMessages
  ) {
    self.division = division
    self.exchange = exchange
    self.messages = messages
    sumCount = plan.sumSlots.count
    inboxCount = plan.inboxCount
    senders = exchange.peers.flatMap { peer in
      division.sums(of: peer.node).map { _ in peer.position }
    }
    arrivals = division.buckets.map { _ in RequestList() }
  }

  func begin() throws {
    for bucket in division.buckets.indices {
      for (index, sender) in senders.enumerated() {
        try exchange.receive(
          into: messages.inbox(index, bucket: bucket), from: sender,
          tag: NodeExchange.sumTag + bucket, list: arrivals[bucket])
      }
    }
  }

  /// The sums of the slices whose owners this rank serves.
  func send(_ bucket: Int, _ addNode: AddNode) throws {
    for (receiver, owner) in exchange.served.enumerated() {
      division.slices[bucket][owner].forEach(addNode)
      for sum in 0..<sumCount {
        try exchange.send(
          messages.message(sum: sum, bucket: bucket, receiver: receiver), to: owner,
          tag: NodeExchange.sumTag + bucket)
      }
    }
  }

  func finish(_ addNode: AddNode) { messages.keepErrors() }
  func wait(for bucket: Int) throws { try exchange.wait(for: arrivals[bucket]) }
  func open(block: Int, bucket: Int) { messages.open(block: block, bucket: bucket) }

  func inbox(_ index: Int, block: Int, bucket: Int) -> UnsafeMutablePointer<Float> {
    messages.values(index, block: block, bucket: bucket)
  }

  func received() throws -> (all: Int, here: Int) {
    var bytes = (all: 0, here: 0)
    for bucket in division.buckets.indices {
      let count = (0..<inboxCount).reduce(0) { $0 + messages.inbox($1, bucket: bucket).count }
      bytes.all += count
      if try arrivals[bucket].areComplete() { bytes.here += count }
    }
    return bytes
  }

  func forgetErrors() { messages.forgetErrors() }
}

/// How sums are written for their owners, and read.
protocol SumMessages: AnyObject {
  /// Sum number `sum` of a bucket for a rank that this one serves. It stays as it is until the next
  /// step's.
  func message(sum: Int, bucket: Int, receiver: Int) -> UnsafeRawBufferPointer
  /// Where a sum of this rank's slice of `bucket` arrives.
  func inbox(_ index: Int, bucket: Int) -> UnsafeMutableRawBufferPointer
  /// Makes a block readable in every inbox.
  func open(block: Int, bucket: Int)
  /// An inbox' numbers of a block that is readable.
  func values(_ index: Int, block: Int, bucket: Int) -> UnsafeMutablePointer<Float>
  /// The step is not skipped: keeps what its messages left out. The sums are still what they were.
  func keepErrors()
  /// Begins anew: nothing has been left out.
  func forgetErrors()
}
