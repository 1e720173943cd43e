import Graph
import TestSupport
import Testing

@Suite struct LayoutTests {
  /// Borders of blocks are borders of units, or lie inside one that is longer than a block.
  @Test(arguments: [
    [1], [5000], [10, 3], [1000, 27], [300, 64], [7, 4096], [5, 4097], [3, 10_000], [4, 3, 40, 40],
    [2000, 1],
  ])
  func blocksHoldWholeUnitsOrAPieceOfOne(_ shape: [Int]) {
    let layout = ParameterLayout([
      .test("a", [3]), .test("b", shape), .test("c", [2, 2]),
    ])
    let (entry, unit) = (layout.entries[1], layout.entries[1].parameter.unitLength)
    #expect(unit == (shape.count > 1 ? shape.dropFirst().reduce(1, *) : shape[0]))
    var end = entry.offset
    for block in entry.blocks {
      let range = layout.blocks[block].range
      #expect(layout.blocks[block].entry == 1)
      #expect(range.lowerBound == end && !range.isEmpty)
      #expect(range.count <= ParameterLayout.blockLength)
      end = range.upperBound
      let (first, last) = (range.lowerBound - entry.offset, range.upperBound - 1 - entry.offset)
      let pieces = layout.blocksOfUnit(block)
      #expect(pieces.contains(block))
      if pieces.count == 1 {
        #expect(first % unit == 0 && (last + 1) % unit == 0)
      } else {
        #expect(unit > ParameterLayout.blockLength && first / unit == last / unit)
        let start = layout.blocks[pieces.lowerBound].range.lowerBound - entry.offset
        let stop = layout.blocks[pieces.upperBound - 1].range.upperBound - entry.offset
        #expect(start == first / unit * unit && stop == start + unit)
      }
    }
    #expect(end == entry.range.upperBound)
    #expect(layout.blocks[entry.blocks.upperBound].entry == 2)
    // Blocks are long, and begin where vectors do, wherever units allow it.
    if unit <= 256 {
      #expect(layout.blocks[entry.blocks].dropLast().allSatisfy { $0.range.count > 2048 })
      #expect(layout.blocks[entry.blocks].allSatisfy { $0.range.lowerBound % 16 == 0 })
    }
  }
}
