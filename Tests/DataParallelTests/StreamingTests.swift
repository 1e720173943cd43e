import CKernels
import Testing

@Suite struct StreamingTests {
  /// At every alignment and length, and not one element more.
  @Test(arguments: [0, 1, 5, 16], [0, 1, 15, 16, 17, 100, 4096]) func addsAsThePlainOne(
    _ offset: Int, _ count: Int
  ) {
    let a = (0..<count).map { Float($0) * 0.1 }
    let b = (0..<count).map { Float($0) * -0.7 + 3 }
    var sums = [Float](repeating: -1, count: offset + count + 1)
    sums.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      ck_add_streaming(base + offset, a, b, count)
    }
    var expected = [Float](repeating: -1, count: offset + count + 1)
    for element in 0..<count { expected[offset + element] = a[element] + b[element] }
    #expect(sums == expected)
  }
}
