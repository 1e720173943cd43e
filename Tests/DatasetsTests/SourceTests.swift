import Basics
import Datasets
import Testing

@Suite struct SourceTests {
  @Test func digits() throws {
    let data = try Decoded("digits", parts: 3)
    #expect(data.description.rows == [.train: 1797])
    #expect(data.features(0).prefix(4) == [0, 0, 5.0 / 16, 13.0 / 16])
    // python3: sums over the 64 pixel columns and counts of the last column.
    #expect(data.bytes.elements[..<(1797 * 64)].reduce(0) { $0 + Int($1) } == 561_718)
    let counts = (0..<10).map { label in data.classes().count { $0 == label } }
    #expect(counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
  }

  @Test func diabetes() throws {
    let data = try Decoded("diabetes", parts: 2)
    #expect(data.description.rows == [.train: 442])
    #expect(data.description.featureNames.first == "age")
    #expect(data.features(0) == [59, 2, 32.1, 101, 157, 93.2, 38, 4, 4.8598, 87])
    #expect(data.values(0) == [151])
    #expect(data.values(441) == [57])
  }

  @Test func syntheticRegression() throws {
    let spec = "synthetic-regression:features=5,samples=2000"
    let whole = try Decoded(spec)
    for parts in [2, 3, 7] {
      let shared = try Decoded(spec, parts: parts)
      #expect(shared.bytes.elements.elementsEqual(whole.bytes.elements))
    }
    let y = (0..<2000).map { Double(whole.values($0)[0]) }
    let first = (0..<2000).map { Double(whole.features($0)[0]) }
    let last = (0..<2000).map { Double(whole.features($0)[4]) }
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / 2000 }
    #expect(abs(mean(first)) < 0.1)
    #expect(abs(mean(first.map { $0 * $0 }) - 1) < 0.15)
    #expect(abs(mean(zip(first, last).map { $0 * $1 })) < 0.1)
    #expect(mean(y.map { $0 * $0 }) > 0.05)
    // Solving for w leaves noise of variance 0.01.
    #expect(abs(residualVariance(whole, rows: 2000, width: 5) - 0.01) < 0.002)
  }

  @Test func specsThatAreRefused() {
    for spec in [
      "nothing-like-this", "", "a.npy", "a.npy,b.npy,c.npy",
      "synthetic-regression:features=0", "synthetic-regression:samples=x",
      "synthetic-regression:rows=3", "synthetic-regression:features=2,features=3",
      "synthetic-regression:features=9223372036854775807,samples=2",
    ] {
      expectFailure(kind: .usage, spec: spec)
    }
    expectFailure("archive", spec: "x.npz")
    expectFailure("No such file", spec: "none.csv", options: DataOptions(target: "y"))
    expectFailure("No such file", spec: "none.txt")
    expectFailure(
      "no targets", kind: .usage, spec: "text.txt", options: DataOptions(task: .regression))
  }

  @Test func extraParts() throws {
    let folder = try TemporaryFolder()
    try folder.write("a.csv", "a,y\n1,u\n2,v\n3,w")
    try folder.write("b.csv", "y,a\nw,7\n")
    try folder.write("c.csv", "y,a\nv,8\nu,9\n")
    let options = DataOptions(
      target: "y", testData: folder.path + "/c.csv", validationData: folder.path + "/b.csv")
    let data = try Decoded(folder.path + "/a.csv", options, parts: 2)
    #expect(data.description.rows == [.train: 3, .validation: 1, .test: 2])
    #expect(data.classes(.validation) == [2])
    #expect(data.classes(.test) == [1, 0])
    #expect(data.features(1, .test) == [9])
    for part in DatasetPart.allCases {
      #expect(data.description.section(part).features % 4096 == 0)
      #expect(data.description.section(part).targets % 4096 == 0)
    }
    try folder.write("c.csv", "y,b\nv,8\n")
    expectFailure("missing: a", spec: folder.path + "/a.csv", options: options)
  }

  @Test func dataOfAnotherShape() throws {
    let expected = try Decoded("digits").description
    expectFailure(
      "diabetes", "digits", "[1, 8, 8]", spec: "diabetes",
      options: DataOptions(requireTarget: false, expected: expected))
  }
}

/// Variance of y − x·ŵ for the least-squares ŵ, by the normal equations.
private func residualVariance(_ data: Decoded, rows: Int, width: Int) -> Double {
  var a = [[Double]](repeating: [Double](repeating: 0, count: width + 1), count: width)
  for row in 0..<rows {
    let x = data.features(row).map(Double.init) + data.values(row).map(Double.init)
    for i in 0..<width { for j in 0...width { a[i][j] += x[i] * x[j] } }
  }
  for pivot in 0..<width {
    for i in 0..<width where i != pivot {
      let factor = a[i][pivot] / a[pivot][pivot]
      for j in 0...width { a[i][j] -= factor * a[pivot][j] }
    }
  }
  let weights = (0..<width).map { a[$0][width] / a[$0][$0] }
  var sum = 0.0
  for row in 0..<rows {
    let fit = zip(data.features(row), weights).reduce(0) { $0 + Double($1.0) * $1.1 }
    let rest = Double(data.values(row)[0]) - fit
    sum += rest * rest
  }
  return sum / Double(rows)
}
