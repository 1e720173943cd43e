import CKernels
import Testing

@Suite struct HashTests {
  @Test(arguments: [1, 15, 16, 17, 1000]) func everyBitCounts(_ count: Int) {
    var values = (0..<count).map { Float($0) * 0.1 }
    let before = ck_hash(values, values.count)
    #expect(ck_hash(values, values.count) == before)
    for element in stride(from: 0, to: count, by: max(1, count / 20)) {
      for bit in 0..<32 {
        let old = values[element]
        values[element] = Float(bitPattern: old.bitPattern ^ (1 << bit))
        #expect(ck_hash(values, values.count) != before, "bit \(bit) of element \(element)")
        values[element] = old
      }
    }
    values.append(0)
    #expect(ck_hash(values, values.count) != before, "another length")
  }

  @Test func orderCounts() {
    let (a, b): ([Float], [Float]) = (
      [1, 2] + Array(repeating: 0, count: 30), [2, 1] + Array(repeating: 0, count: 30)
    )
    #expect(ck_hash(a, a.count) != ck_hash(b, b.count))
  }
}
