import Basics
import Datasets
import Testing

@Suite struct SplitTests {
  private func split(
    _ rows: Int, _ fraction: Double, explicit: Int = 0, seed: UInt64 = 0, shuffle: Bool = true
  ) throws -> DataSplit {
    try DataSplit(
      trainRows: rows, explicitValidationRows: explicit, validationFraction: fraction, seed: seed,
      shuffle: shuffle)
  }

  @Test(arguments: [1, 2, 3, 10, 1797], [0, 1e-9, 0.1, 0.5, 0.999999])
  func isDisjointAndComplete(rows: Int, fraction: Double) throws {
    for shuffle in [true, false] {
      let split = try split(rows, fraction, shuffle: shuffle)
      let train = (0..<split.trainCount).map(split.trainRow)
      let validation = (0..<split.validationCount).map(split.validationRow)
      #expect((train + validation).sorted() == Array(0..<rows))
      #expect(split.validationPart == .train)
      #expect(split.trainCount >= 1)
      #expect((split.validationCount > 0) == (fraction > 0 && rows >= 2))
    }
  }

  @Test func counts() throws {
    #expect(try split(1797, 0.1).validationCount == 179)
    #expect(try split(0, 0.1).trainCount == 0)
    for fraction in [-0.1, 1, .nan, .infinity] {
      #expect(throws: Failure.self) { try split(10, fraction) }
    }
  }

  @Test func withoutShuffleTheLastRowsAreHeldBack() throws {
    let split = try split(10, 0.2, shuffle: false)
    #expect((0..<2).map(split.validationRow) == [8, 9])
    #expect((0..<8).map(split.trainRow) == Array(0..<8))
  }

  @Test func itsOwnValidationRowsWin() throws {
    let split = try split(10, 0.5, explicit: 4)
    #expect(split.trainCount == 10)
    #expect(split.validationPart == .validation)
    #expect((0..<4).map(split.validationRow) == [0, 1, 2, 3])
  }

  @Test func everyRowIsHeldBackEquallyOften() throws {
    var counts = [Double](repeating: 0, count: 20)
    for seed in 0..<4000 {
      let split = try split(20, 0.25, seed: UInt64(seed))
      for position in 0..<5 { counts[split.validationRow(at: position)] += 1 }
    }
    // 1000 each; the deviation of one is 27.
    #expect(counts.allSatisfy { abs($0 - 1000) < 140 })
  }

  private func order(_ order: EpochOrder) -> [Int] {
    var positions = Array(0..<UInt64(order.count))
    positions.withUnsafeMutableBufferPointer { order.apply(to: $0) }
    return positions.map { Int($0) }
  }

  @Test func manyRowsAtOnceAreThoseOneByOne() throws {
    for shuffle in [true, false] {
      let split = try DataSplit(
        trainRows: 1000, explicitValidationRows: 0, validationFraction: 0.1, seed: 3,
        shuffle: shuffle)
      var rows = Array(0..<UInt64(900))
      rows.withUnsafeMutableBufferPointer { split.mapToTrainRows($0) }
      #expect(rows.map { Int($0) } == (0..<900).map(split.trainRow))
    }
  }

  @Test func epochOrders() {
    let orders = (0..<3).map { epoch in
      order(EpochOrder(count: 500, seed: 7, epoch: epoch, shuffle: true))
    }
    #expect(Set(orders).count == 3)
    #expect(orders.allSatisfy { $0.sorted() == Array(0..<500) })
    let plain = EpochOrder(count: 5, seed: 7, epoch: 1, shuffle: false)
    #expect(order(plain) == [0, 1, 2, 3, 4])
  }
}

@Suite struct StandardizationTests {
  let data: Decoded
  let split: DataSplit

  init() throws {
    // 5 chunks of which the last is short: an odd one moves up.
    data = try Decoded("synthetic-regression:features=3,samples=5000")
    split = try DataSplit(
      trainRows: 5000, explicitValidationRows: 0, validationFraction: 0.1, seed: 0, shuffle: true)
  }

  private func moments(_ chunk: Int) -> Moments { Moments(of: data.dataset, split, chunk: chunk) }

  @Test func equalsADirectComputation() {
    let chunks = (0..<Moments.chunkCount(split)).map(moments)
    #expect(chunks.count == 5)
    #expect(chunks.last?.count == 404)
    let found = Standardization(Moments.combined(chunks))
    for feature in 0..<3 {
      let values = (0..<4500).map { Double(data.features(split.trainRow(at: $0))[feature]) }
      let mean = values.reduce(0, +) / 4500
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 4500
      #expect(abs(Double(found.mean[feature]) - mean) < 1e-7)
      #expect(abs(Double(found.deviation[feature]) / variance.squareRoot() - 1) < 1e-7)
    }
  }

  @Test(arguments: [1, 2, 3, 5]) func anyAssignmentGivesTheSameBits(ranks: Int) {
    let expected = Moments.combined((0..<5).map(moments))
    var gathered: [Int: Moments] = [:]
    for rank in 0..<ranks {
      // Each computes its chunks alone and sends them as numbers.
      for chunk in stride(from: rank, to: 5, by: ranks) {
        gathered[chunk] = Moments(flattened: moments(chunk).flattened)
      }
    }
    #expect(Moments.combined((0..<5).compactMap { gathered[$0] }) == expected)
  }

  @Test func mergingKeepsTheOrderOfPairs() {
    let m = (0..<5).map(moments)
    let expected = m[0].merged(with: m[1]).merged(with: m[2].merged(with: m[3])).merged(with: m[4])
    #expect(Moments.combined(m) == expected)
  }

  @Test func appliesInPlaceAndKeepsConstants() {
    let moments = Moments(flattened: [4, 10, 5, 16, 0])
    let standardization = Standardization(moments)
    #expect(standardization.mean == [10, 5])
    #expect(standardization.deviation == [2, 1])
    var row: [Float] = [14, 5]
    standardization.apply(to: &row)
    #expect(row == [2, 0])
  }

  @Test func aLargeMeanDoesNotSwallowTheDeviation() throws {
    let folder = try TemporaryFolder()
    let rows = (0..<3000).map { "\(16_000_000 + $0 % 2),0.1,1\n" }
    try folder.write("t.csv", "a,b,y\n" + rows.joined())
    let data = try Decoded(folder.path + "/t.csv", DataOptions(target: "y"))
    let split = try DataSplit(
      trainRows: 3000, explicitValidationRows: 0, validationFraction: 0, seed: 0, shuffle: true)
    let chunks = (0..<3).map { Moments(of: data.dataset, split, chunk: $0) }
    let found = Standardization(Moments.combined(chunks))
    #expect(found.deviation == [0.5, 1])
  }
}
