import Basics
import CKernels
import MPI

/// Adds short messages over one rank of every node: each gets all others' and adds in the order of
/// the nodes, so that the sum has the same bits everywhere.
final class LaneSum {
  private let exchange: NodeExchange
  private let inboxes: [AlignedBuffer<Float>]
  private let arrivals = RequestList()

  /// - Parameter longest: elements of the longest message.
  init(exchange: NodeExchange, longest: Int) {
    self.exchange = exchange
    inboxes = exchange.peers.map { _ in AlignedBuffer(count: longest) }
  }

  /// What came from other nodes, in bytes, when `message` was replaced.
  func receivedBytes(_ message: AlignedBuffer<Float>) -> Int { inboxes.count * message.byteCount }

  /// `message` becomes the sum of all nodes' messages, which are equally long. Collective: every
  /// rank of the run.
  func replace(_ message: AlignedBuffer<Float>, tag: Int) throws {
    for (peer, inbox) in zip(exchange.peers, inboxes) {
      try exchange.receive(
        into: UnsafeMutableRawBufferPointer(start: inbox.pointer, count: message.byteCount),
        from: peer.position, tag: tag, list: arrivals)
      try exchange.send(UnsafeRawBufferPointer(message.elements), to: peer.position, tag: tag)
    }
    try exchange.wait(for: arrivals)
    try exchange.wait()
    // Peers are the other nodes in their order: the first term is the first node's.
    let own = exchange.nodeIndex
    let total = own == 0 ? message.pointer : inboxes[0].pointer
    for node in 1...inboxes.count {
      let term = node == own ? message : inboxes[node < own ? node : node - 1]
      ck_add(total, total, term.pointer, message.count)
    }
    if own != 0 { message.pointer.update(from: total, count: message.count) }
  }
}
