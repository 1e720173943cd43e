import Basics
import Testing

@Suite struct SmallPiecesTests {
  @Test func pairwiseSumFoldsPairs() {
    // ((1e16 + 1) + (1 + 1)) + 1: another order gives another last bit.
    let values = [1e16, 1, 1, 1, 1]
    let pairs: (Double, Double) = (values[0] + values[1], values[2] + values[3])
    let expected: Double = (pairs.0 + pairs.1) + values[4]
    #expect(pairwiseSum(values) == expected)
    #expect(pairwiseSum([Double]()) == 0)
    #expect(pairwiseSum([7.0]) == 7)
    #expect(pairwiseSum((1...1000).map(Double.init)) == 500_500)
  }

  @Test func checkedCountRefusesWhatDoesNotFit() {
    #expect(Shape.checkedCount([]) == 1)
    #expect(Shape.checkedCount([3, 4]) == 12)
    #expect(Shape.checkedCount([3, 0]) == 0)
    #expect(Shape.checkedCount([3, -1]) == nil)
    #expect(Shape.checkedCount([1 << 32, 1 << 31]) == nil)
  }

  @Test func theMedianIsTheMiddleOrTheUpperOfTwo() {
    #expect([5, 1, 3].median() == 3)
    #expect([4.0, 1, 3, 2].median() == 3)
  }

  @Test func sharesAreEvenAndContiguous() {
    #expect((0..<3).map { evenShare(8, rank: $0, of: 3) } == [0..<3, 3..<6, 6..<8])
    #expect((0..<3).map { evenShare(2, rank: $0, of: 3) } == [0..<1, 1..<2, 2..<2])
  }

  @Test func roundsUpToWholeSteps() {
    #expect([0, 1, 15, 16, 17].map { $0.roundedUp(to: 16) } == [0, 16, 16, 16, 32])
  }

  @Test func alignedBufferIsAlignedAndZero() {
    let buffer = AlignedBuffer<Float>(count: 5000)
    #expect(UInt(bitPattern: buffer.pointer) % 4096 == 0)
    #expect(buffer.elements.allSatisfy { $0 == 0 })
    #expect(buffer.byteCount == 20_000)
    #expect(AlignedBuffer<Float>(count: 0).elements.isEmpty)
  }
}
