import CKernels
import DataParallel
import Testing

@Suite struct WireFormatTests {
  /// Of 1,000 numbers in blocks of 600 and 400; binary16 has a word of scale with each.
  @Test func `Sums take the bytes of their words`() {
    let blocks = [0..<600, 608..<1008]
    for (compression, bytes) in [(Compression.none, 4000), (.bf16, 2000), (.fp16, 2004)] {
      #expect(compression.sumBytes(blocks: blocks, tensors: []) == bytes, "\(compression)")
    }
  }

  /// What arrives of `values` when they are sent as one block.
  private func sent(_ values: [Float], as format: WireFormat) -> [Float] {
    var words = [UInt16](repeating: 0, count: format.wordCount(values.count))
    format.encode(values, into: &words, count: values.count)
    var result = [Float](repeating: 0, count: values.count)
    format.decode(words, into: &result, count: values.count)
    return result
  }

  /// Half a unit of the last place: bfloat16 has 8 bits of precision, binary16 has 11.
  private func roundingError(_ format: WireFormat) -> Float {
    format == .bfloat16 ? 0x1p-8 : 0x1p-11
  }

  /// Every length that a vector's tail may have, and magnitudes far beyond binary16's own range.
  @Test(arguments: WireFormat.allCases, [1, 2, 15, 16, 17, 33, 4096])
  func `Numbers of any size keep their precision`(_ format: WireFormat, count: Int) {
    for scale: Float in [1e-30, 1e-8, 1, 7e4, 1e30] {
      // Within a factor of 1000 of each other.
      let values = (0..<count).map {
        scale * (1 + Float($0 * 7919 % 999)) * ($0 % 2 == 0 ? 1 : -1)
      }
      for (value, result) in zip(values, sent(values, as: format)) {
        #expect(abs(result - value) <= roundingError(format) * abs(value), "\(value): \(result)")
      }
    }
  }

  @Test(arguments: WireFormat.allCases) func `What is no number stays none`(_ format: WireFormat) {
    let values: [Float] = [1, .infinity, -.infinity, .nan, 0, -0.0]
    let result = sent(values, as: format)
    #expect(result[1] == .infinity && result[2] == -.infinity && result[3].isNaN)
    #expect(result[4] == 0 && result[4].sign == .plus && result[5].sign == .minus)
    #expect(sent([-3e38], as: format)[0].isFinite)
    #expect(sent([.greatestFiniteMagnitude], as: format) == [.infinity], "the nearest there is")
  }

  /// Next to a number that makes the scale 1.
  @Test func `Binary16 is the one of IEEE 754`() {
    let largest: Float = 0x1.8p14
    var words = [UInt16](repeating: 0, count: 2)
    for bits in stride(from: UInt32(0), to: 0x4700_0000, by: 1021) {
      for sign: UInt32 in [0, 0x8000_0000] {
        let value = Float(bitPattern: bits | sign)
        #expect(ck_to_float16([value, largest], &words, 2) == 0)
        #expect(words[0] == Float16(value).bitPattern, "\(value)")
      }
    }
    for word in UInt16.min...UInt16.max {
      var value: Float = 0
      ck_from_float16([word], 0, &value, 1)
      let expected = Float(Float16(bitPattern: word))
      #expect(value.bitPattern == expected.bitPattern || value.isNaN && expected.isNaN, "\(word)")
    }
  }
}
