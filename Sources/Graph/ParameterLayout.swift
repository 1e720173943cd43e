/// Where every parameter lies in the one contiguous arena, in forward order.
///
/// Gradients and optimizer state have the same layout. Parameters start on 64-byte boundaries;
/// the padding between them is zero, stays zero, and is in no file, hash or count.
package struct ParameterLayout: Sendable, Equatable {
  package struct Entry: Sendable, Equatable {
    package let parameter: Parameter
    /// Elements from the start of the arena.
    package let offset: Int
    package var range: Range<Int> { offset..<(offset + parameter.count) }
  }

  /// The unit of norms and of slices; never spans two parameters.
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
      let entry = Entry(parameter: parameter, offset: offset)
      entries.append(entry)
      for start in stride(from: offset, to: entry.range.upperBound, by: Self.blockLength) {
        let end = min(start + Self.blockLength, entry.range.upperBound)
        blocks.append(Block(range: start..<end, entry: index))
      }
      offset = (entry.range.upperBound + Self.alignment - 1) / Self.alignment * Self.alignment
    }
    self.entries = entries
    self.blocks = blocks
    arenaCount = offset
  }

  /// The number of trainable numbers, as `inspect` and the reports count them.
  package var parameterCount: Int { trainable.reduce(0) { $0 + $1.parameter.count } }

  /// What an optimizer updates and keeps state for: all but running statistics.
  package var trainable: [Entry] { entries.filter { $0.parameter.statistic == nil } }
}
