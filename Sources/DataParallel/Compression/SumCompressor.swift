import Basics
import CKernels

/// A node's sums of other ranks' slices in 16 bits a number, with error feedback; and those that
/// other nodes send.
///
///     q[t] = round(s[t] + e[t])        what the slice's owner gets and adds in float32
///     e[t+1] = (s[t] + e[t]) − q[t]    what rounding has left here, e[0] = 0
///
/// with s[t] the node's sum in step t. So Σ q = Σ s − e[T]: what is rounded away comes later. A
/// step that is skipped delivers nothing, and its sums, finite or not, leave e as it was.
///
/// Source: Seide, Fu, Droppo, Li, Yu, "1-Bit Stochastic Gradient Descent", Interspeech 2014;
/// Karimireddy, Rebjock, Stich, Jaggi, arXiv 1901.09847. PyTorch calls such a thing a DDP
/// communication hook (`bf16_compress_hook`, there without feedback).
package final class SumCompressor: SumMessages {
  private let division: WorkDivision
  private let format: WireFormat
  private let layout: MessageLayout
  /// The sums to send, laid out like the parameters.
  private let sums: [UnsafeMutablePointer<Float>]
  /// One of each a sum, in the layout's order.
  private let outboxes: [AlignedBuffer<UInt16>]
  private let errors: [AlignedBuffer<Float>]
  private let inboxes: [AlignedBuffer<UInt16>]
  /// The block at hand of each inbox, as floats.
  private let decoded: [AlignedBuffer<Float>]
  private let corrected: AlignedBuffer<Float>
  private let rounded: AlignedBuffer<Float>

  /// - Parameters:
  ///   - position: the rank that sends and receives.
  ///   - sums: the node's sums, one array for each that it sends, laid out like the parameters.
  ///   - inboxCount: sums that all other nodes send.
  package init(
    _ division: WorkDivision, position: Int, format: WireFormat,
    sums: [UnsafeMutablePointer<Float>], inboxCount: Int
  ) {
    self.division = division
    self.format = format
    self.sums = sums
    let layout = MessageLayout(division, position: position, format: format)
    self.layout = layout
    outboxes = sums.map { _ in AlignedBuffer(count: layout.outgoingCount) }
    errors = sums.map { _ in AlignedBuffer(count: layout.outgoingCount) }
    inboxes = (0..<inboxCount).map { _ in AlignedBuffer(count: layout.incomingCount) }
    let blockLength = division.blocks.map(\.count).max() ?? 1
    decoded = (0..<inboxCount).map { _ in AlignedBuffer(count: blockLength) }
    corrected = AlignedBuffer(count: blockLength)
    rounded = AlignedBuffer(count: blockLength)
  }

  /// Private bytes of a rank, but for a block here and there.
  static func byteCount(
    _ division: WorkDivision, position: Int, format: WireFormat, sumCount: Int, inboxCount: Int
  ) -> Int {
    let layout = MessageLayout(division, position: position, format: format)
    return sumCount * layout.outgoingCount * 6 + inboxCount * layout.incomingCount * 2
  }

  package func message(sum: Int, bucket: Int, receiver: Int) -> UnsafeRawBufferPointer {
    let message = layout.outgoing[bucket][receiver]
    let words = outboxes[sum].pointer
    for block in message.slice {
      let range = division.blocks[block]
      let start = layout.start(of: block, in: message)
      ck_add(
        corrected.pointer, sums[sum] + range.lowerBound, errors[sum].pointer + start, range.count)
      format.encode(corrected.pointer, into: words + start, count: range.count)
    }
    return UnsafeRawBufferPointer(
      UnsafeBufferPointer(rebasing: outboxes[sum].elements[layout.words(of: message)]))
  }

  package func keepErrors() {
    for messages in layout.outgoing {
      for message in messages {
        for block in message.slice {
          let range = division.blocks[block]
          let start = layout.start(of: block, in: message)
          for sum in sums.indices {
            let error = errors[sum].pointer + start
            ck_add(corrected.pointer, sums[sum] + range.lowerBound, error, range.count)
            format.decode(
              outboxes[sum].pointer + start, into: rounded.pointer, count: range.count)
            ck_subtract(error, corrected.pointer, rounded.pointer, range.count)
          }
        }
      }
    }
  }

  /// e = 0.
  package func forgetErrors() {
    for error in errors { error.elements.update(repeating: 0) }
  }

  package func inbox(_ index: Int, bucket: Int) -> UnsafeMutableRawBufferPointer {
    let words = layout.words(of: layout.incoming[bucket])
    return UnsafeMutableRawBufferPointer(
      UnsafeMutableBufferPointer(rebasing: inboxes[index].elements[words]))
  }

  package func open(block: Int, bucket: Int) {
    let start = layout.start(of: block, in: layout.incoming[bucket])
    for (inbox, values) in zip(inboxes, decoded) {
      format.decode(
        inbox.pointer + start, into: values.pointer, count: division.blocks[block].count)
    }
  }
  package func values(_ index: Int, block: Int, bucket: Int) -> UnsafeMutablePointer<Float> {
    decoded[index].pointer
  }
}
