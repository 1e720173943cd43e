import Basics
import CKernels
import TestSupport
import Testing

/// The gradient of a bias, with and without a ReLU in front, over whole and partial registers.
@Suite struct ColumnSumTests {
  /// Beyond a register, and beyond the tile of 1024.
  static let columns = [1, 5, 16, 127, 128, 300, 1045]
  /// Fewer than are summed at once, and more than a block.
  static let rows = [1, 63, 130]

  @Test(arguments: columns, rows) func sums(
    _ columns: Int, rows: Int
  ) {
    let values = randomValues(rows * columns, stream: 1)
    let result = randomValues(rows * columns, stream: 2)
    let start = randomValues(columns, stream: 3)
    for isMasked in [false, true] {
      for accumulates in [false, true] {
        var (gradient, sums) = (values, start)
        if isMasked {
          ck_column_sums(&gradient, result, &sums, rows, columns, accumulates ? 1 : 0)
        } else {
          ck_column_sums(&gradient, nil, &sums, rows, columns, accumulates ? 1 : 0)
        }
        let masked = values.indices.map { isMasked && result[$0] <= 0 ? 0 : values[$0] }
        #expect(gradient == masked)
        let expected = (0..<columns).map { column in
          (0..<rows).reduce(accumulates ? Double(start[column]) : 0) {
            $0 + Double(masked[$1 * columns + column])
          }
        }
        // Values of about 1: what rounds is in proportion to the rows, not to a sum that may be 0.
        let error = zip(sums, expected).map { abs(Double($0) - $1) }.max() ?? 0
        #expect(error <= 1e-6 * Double(rows))
      }
    }
  }

  /// The same sums, and beside them what was summed, rounded.
  @Test(arguments: columns, rows) func rounds(_ columns: Int, rows: Int) {
    var values = randomValues(rows * columns, stream: 1)
    let start = randomValues(columns, stream: 3)
    var halves = [UInt16](repeating: 0, count: values.count)
    ck_to_bfloat16(values, &halves, values.count)
    for accumulates: Int32 in [0, 1] {
      var (sums, plain) = (start, start)
      var rounded = [UInt16](repeating: 0, count: values.count)
      ck_column_sums_rounding(values, &rounded, &sums, rows, columns, accumulates)
      ck_column_sums(&values, nil, &plain, rows, columns, accumulates)
      #expect(sameBits(sums, plain))
      #expect(rounded == halves)
    }
  }
}
