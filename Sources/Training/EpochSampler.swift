import Basics
import Datasets

/// Which samples a step trains on: the epoch's keyed order, cut into batches; of a text, windows
/// that begin anywhere. Any rank knows any position of any step, so a resume needs no more than the
/// step's number.
final class EpochSampler {
  struct Batch {
    let step: Int
    let epoch: Int
    /// First position in the epoch's order.
    let start: Int
    let count: Int
    fileprivate let order: EpochOrder
  }

  private let split: DataSplit
  private let seed: UInt64
  private let shuffles: Bool
  private let batchCount: Int
  /// Of the training rows, where they are windows of a text.
  private let windows: TextWindows?
  let stepsPerEpoch: Int
  private var current: (epoch: Int, order: EpochOrder)?

  init(
    split: DataSplit, text: TextDescription?, seed: UInt64, shuffles: Bool, batchCount: Int,
    stepsPerEpoch: Int
  ) {
    self.split = split
    windows = text?.windows(.train).prefix(rows: split.trainCount)
    self.seed = seed
    self.shuffles = shuffles
    self.batchCount = batchCount
    self.stepsPerEpoch = stepsPerEpoch
  }

  func batch(step: Int) -> Batch {
    let epoch = step / stepsPerEpoch
    let start = step % stepsPerEpoch * batchCount
    return Batch(
      step: step, epoch: epoch, start: start, count: min(batchCount, split.trainCount - start),
      order: order(of: epoch))
  }

  /// Samples of all steps before `step`.
  func samplesBefore(step: Int) -> Int {
    let (epochs, rest) = step.quotientAndRemainder(dividingBy: stepsPerEpoch)
    let perEpoch = min(split.trainCount, stepsPerEpoch * batchCount)
    return epochs * perEpoch + min(rest * batchCount, perEpoch)
  }

  /// Finds what stands at `positions` of the batch.
  func find(
    _ positions: Range<Int>, of batch: Batch,
    into samples: UnsafeMutableBufferPointer<BatchAssembler.Sample>
  ) {
    if let windows, shuffles {
      let random = Philox(seed: seed, purpose: .window, stream: UInt64(batch.step))
      for (index, position) in positions.enumerated() {
        let words = random.block(UInt64(position))
        let start = windows.start(random: UInt64(words.x) << 32 | UInt64(words.y))
        samples[index] = .window(start: start, step: batch.step, position: position)
      }
      return
    }
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: positions.count) { rows in
      for (index, position) in positions.enumerated() {
        rows[index] = UInt64(batch.start + position)
      }
      batch.order.apply(to: rows)
      split.mapToTrainRows(rows)
      for (index, position) in positions.enumerated() {
        let row = Int(rows[index])
        samples[index] =
          if let windows {
            .window(start: windows.start(row: row), step: batch.step, position: position)
          } else {
            .row(row, .train)
          }
      }
    }
  }

  private func order(of epoch: Int) -> EpochOrder {
    if let current, current.epoch == epoch { return current.order }
    let order = EpochOrder(
      count: split.trainCount, seed: seed, epoch: epoch, shuffle: shuffles)
    current = (epoch, order)
    return order
  }
}
