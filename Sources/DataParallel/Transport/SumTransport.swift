/// How the nodes' sums of gradients meet, a bucket at a time.
///
/// The calls of a step: `begin`; `send` for each bucket in turn, as it is filled on the whole node;
/// then, behind a meeting of all ranks, `finish` if the step is not skipped, and `wait` for each
/// bucket. Every rank makes the same calls.
protocol SumTransport: AnyObject {
  /// Adds the node's own sums of a block, into the slots `ReductionPlan.sumSlots`.
  typealias AddNode = (_ block: Int) -> Void

  func begin() throws
  /// Lets the node's sums of `bucket` go.
  func send(_ bucket: Int, _ addNode: AddNode) throws
  /// Every bucket has been sent, and the sums will be used.
  func finish(_ addNode: AddNode) throws
  /// Returns when all that this rank's slice of `bucket` needs is here.
  func wait(for bucket: Int) throws

  /// Makes a block of this rank's slice of `bucket` readable in every inbox.
  func open(block: Int, bucket: Int)
  /// A block that `open` has made readable.
  func inbox(_ index: Int, block: Int, bucket: Int) -> UnsafeMutablePointer<Float>

  /// Bytes that a step brings from other nodes, and those of them that are here by now.
  func received() throws -> (all: Int, here: Int)
  /// What has been left out of messages so far is lost.
  func forgetErrors()
}
