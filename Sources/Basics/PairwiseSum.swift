/// The one order in which many sums are combined: pairs, then pairs of pairs; an odd last one
/// moves up unchanged.
///
/// `values` come in chunk, block or leaf order, so the result does not depend on who computed
/// them. Complexity: O(n), no allocation: folds `values` in place.
package func pairwiseSum(_ values: UnsafeMutableBufferPointer<Double>) -> Double {
  guard !values.isEmpty else { return 0 }
  var count = values.count
  while count > 1 {
    for pair in 0..<(count / 2) {
      values[pair] = values[2 * pair] + values[2 * pair + 1]
    }
    if count % 2 == 1 { values[count / 2] = values[count - 1] }
    count = (count + 1) / 2
  }
  return values[0]
}

package func pairwiseSum(_ values: some Sequence<Double>) -> Double {
  var copy = Array(values)
  return copy.withUnsafeMutableBufferPointer { pairwiseSum($0) }
}
