/// The share of `rank` when `ranks` divide `count` things: contiguous; the first `count % ranks`
/// have one more than the others.
package func evenShare(_ count: Int, rank: Int, of ranks: Int) -> Range<Int> {
  let (size, extra) = count.quotientAndRemainder(dividingBy: ranks)
  let start = rank * size + min(rank, extra)
  return start..<(start + size + (rank < extra ? 1 : 0))
}
