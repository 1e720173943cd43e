/// Where blocks lie in the words that a rank sends and receives: slice after slice, each a message.
struct MessageLayout {
  /// The blocks of one slice.
  struct Message {
    let slice: Range<Int>
    /// Its first word.
    let start: Int
  }

  /// `outgoing[bucket]`: one for each rank that this one serves, in that order.
  let outgoing: [[Message]]
  /// One a bucket: this rank's own slice.
  let incoming: [Message]
  /// Words of one sum, over all messages.
  let outgoingCount: Int
  let incomingCount: Int
  /// Words of all blocks before each.
  private let before: [Int]

  init(_ division: WorkDivision, position: Int, format: WireFormat) {
    let before = division.blocks.reduce(into: [0]) {
      $0.append($0[$0.count - 1] + format.wordCount($1.count))
    }
    var (sent, received) = (0, 0)
    func message(_ slice: Range<Int>, _ end: inout Int) -> Message {
      defer { end += before[slice.upperBound] - before[slice.lowerBound] }
      return Message(slice: slice, start: end)
    }
    let served = division.topology.served(by: position)
    outgoing = division.slices.map { slices in served.map { message(slices[$0], &sent) } }
    incoming = division.slices.map { message($0[position], &received) }
    (outgoingCount, incomingCount) = (sent, received)
    self.before = before
  }

  func words(of message: Message) -> Range<Int> {
    let count = before[message.slice.upperBound] - before[message.slice.lowerBound]
    return message.start..<(message.start + count)
  }

  /// The first word of a block.
  func start(of block: Int, in message: Message) -> Int {
    message.start + before[block] - before[message.slice.lowerBound]
  }
}
