import Basics

/// Where every parameter lies in the one contiguous arena, in forward order.
///
/// Gradients and optimizer state have the same layout. Parameters start on 64-byte boundaries;
/// the padding between them is zero, stays zero, and is in no file, hash or count.
package struct ParameterLayout: Sendable, Equatable {
  package struct Entry: Sendable, Equatable {
    package let parameter: Parameter
    /// Elements from the start of the arena.
    package let offset: Int
    package let blocks: Range<Int>
    package var range: Range<Int> { offset..<(offset + parameter.count) }
  }

  /// The unit of norms and of slices; never spans two parameters. Holds whole units of its
  /// parameter (`Parameter.unitLength`), or a piece of one that is longer than a block.
  package struct Block: Sendable, Equatable {
    package let range: Range<Int>
    package let entry: Int
  }

  /// 16 KiB of gradient: sum, mean, regularization and update find it in the L1 cache.
  package static let blockLength = 4096
  private static let alignment = 16

  package let entries: [Entry]
  package let blocks: [Block]
  /// Elements of the arena, padding included.
  package let arenaCount: Int

  package init(_ parameters: [Parameter]) {
    var entries: [Entry] = []
    var blocks: [Block] = []
    var offset = 0
    for (index, parameter) in parameters.enumerated() {
      let firstBlock = blocks.count
      let parameterEnd = offset + parameter.count
      let run = Self.runLength(unit: parameter.unitLength)
      for start in stride(from: offset, to: parameterEnd, by: run) {
        let end = min(start + run, parameterEnd)
        for piece in stride(from: start, to: end, by: Self.blockLength) {
          blocks.append(Block(range: piece..<min(piece + Self.blockLength, end), entry: index))
        }
      }
      entries.append(
        Entry(parameter: parameter, offset: offset, blocks: firstBlock..<blocks.count))
      offset = parameterEnd.roundedUp(to: Self.alignment)
    }
    self.entries = entries
    self.blocks = blocks
    arenaCount = offset
  }

  /// The number of trainable numbers, as `inspect` and the reports count them.
  package var parameterCount: Int { trainable.reduce(0) { $0 + $1.parameter.count } }

  /// What an optimizer updates and keeps state for: all but running statistics.
  package var trainable: [Entry] { entries.filter { $0.parameter.statistic == nil } }

  /// Elements between block borders that are unit borders: as many whole units as fit a block, in
  /// multiples of the alignment where these fit, or one that does not fit.
  private static func runLength(unit: Int) -> Int {
    let aligned = unit << (4 - min(4, unit.trailingZeroBitCount))
    let quantum = max(1, aligned <= blockLength ? aligned : unit)
    return max(quantum, blockLength / quantum * quantum)
  }

  /// The blocks that hold the unit which `block` is a piece of; itself, where it holds whole ones.
  package func blocksOfUnit(_ block: Int) -> Range<Int> {
    let entry = entries[blocks[block].entry]
    let pieces = (entry.parameter.unitLength + Self.blockLength - 1) / Self.blockLength
    if pieces <= 1 { return block..<(block + 1) }
    let first = block - (block - entry.blocks.lowerBound) % pieces
    return first..<(first + pieces)
  }
}
