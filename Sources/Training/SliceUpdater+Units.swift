import CKernels
import DataParallel
import Graph
import Optimizers

/// What is done unit by unit: rows of matrices, filters of convolutions, whole biases.
///
/// A block holds whole units, or a piece of a long one, whose norm then is that of all its pieces:
/// the same bits whoever owns them.
extension SliceUpdater {
  /// Adaptive clipping; see `Clipping.ratio`.
  func clipUnits(
    _ block: Int, _ range: Range<Int>, _ gradient: UnsafeMutablePointer<Float>
  ) {
    if rules.clipping.ratio == nil || rules.entries[layout.blocks[block].entry].isFrozen { return }
    forEachUnit(block, range) { start, count in
      let factor = rules.clipping.unitFactor(
        gradient: unitNorm(block, gradient + start, count) { $0.squaredNorm },
        parameters: unitNorm(block, arena.parameters + range.lowerBound + start, count) {
          $0.parameterSquares
        })
      if factor != 1 { ck_scale(gradient + start, factor, count) }
    }
  }

  /// Scales the rows that have grown beyond `maxNorm` back to it.
  ///
  /// Source: Hinton et al., arXiv 1207.0580: the weights into each unit.
  func constrain(_ block: Int, _ range: Range<Int>) {
    let rule = rules.entries[layout.blocks[block].entry]
    guard let maxNorm = rules.maxNorm, rule.isConstrained, !rule.isFrozen else { return }
    forEachUnit(block, range) { start, count in
      let row = arena.parameters + range.lowerBound + start
      let norm = unitNorm(block, row, count) { $0.updatedSquares }
      if norm > maxNorm { ck_scale(row, Float(maxNorm / norm), count) }
    }
  }

  /// Units, or the piece of one, as places in the block.
  private func forEachUnit(
    _ block: Int, _ range: Range<Int>, _ body: (_ start: Int, _ count: Int) -> Void
  ) {
    let length = layout.entries[layout.blocks[block].entry].parameter.unitLength
    for start in stride(from: 0, to: range.count, by: length) {
      body(start, min(length, range.count - start))
    }
  }

  private func unitNorm(
    _ block: Int, _ values: UnsafePointer<Float>, _ count: Int,
    _ pieces: (NodeArena.BlockSums) -> Double
  ) -> Double {
    let blocks = layout.blocksOfUnit(block)
    return
      (blocks.count > 1 ? blockSum(of: blocks, pieces) : ck_sum_squares(values, count))
      .squareRoot()
  }
}
