import Basics

/// Sums as they are, from the sender's slots.
final class FloatMessages: SumMessages {
  private let division: WorkDivision
  private let position: Int
  private let served: [Int]
  private let sums: [UnsafeMutablePointer<Float>]
  /// One array for each sum of each other node, all of this rank's slices one after another.
  private let inboxes: [AlignedBuffer<Float>]
  /// For each bucket: where this rank's slice begins in an inbox.
  private let starts: [Int]

  /// - Parameters:
  ///   - sums: the node's sums, one array for each that it sends, laid out like the parameters.
  ///   - inboxCount: sums that all other nodes send.
  init(
    _ division: WorkDivision, position: Int, sums: [UnsafeMutablePointer<Float>], inboxCount: Int
  ) {
    self.division = division
    self.position = position
    self.sums = sums
    served = division.topology.served(by: position)
    let slices = division.packedSlices(of: position)
    starts = slices.starts
    inboxes = (0..<inboxCount).map { _ in AlignedBuffer(count: slices.count) }
  }

  /// Private bytes of a rank.
  static func byteCount(_ division: WorkDivision, position: Int, inboxCount: Int) -> Int {
    inboxCount * division.packedSlices(of: position).count * 4
  }

  func message(sum: Int, bucket: Int, receiver: Int) -> UnsafeRawBufferPointer {
    let elements = division.elements(of: division.slices[bucket][served[receiver]])
    return UnsafeRawBufferPointer(
      UnsafeBufferPointer(start: sums[sum] + elements.lowerBound, count: elements.count))
  }

  func inbox(_ index: Int, bucket: Int) -> UnsafeMutableRawBufferPointer {
    let count = division.elements(of: division.slices[bucket][position]).count
    return UnsafeMutableRawBufferPointer(
      UnsafeMutableBufferPointer(start: inboxes[index].pointer + starts[bucket], count: count))
  }

  func open(block: Int, bucket: Int) {}

  func values(_ index: Int, block: Int, bucket: Int) -> UnsafeMutablePointer<Float> {
    let slice = division.elements(of: division.slices[bucket][position])
    return inboxes[index].pointer
      + (starts[bucket] + division.blocks[block].lowerBound - slice.lowerBound)
  }

  func keepErrors() {}
  func forgetErrors() {}
}
