import Basics
import DataParallel
import Reports
import TestSupport
import Testing
import Training

@Suite struct ClassReportTests {
  /// Six samples of three classes: a taken for a, a, b; b for b; c for a, and one that is ignored.
  private func report(k: Int = 2) throws -> ClassReport {
    var report = try ClassReport(names: ["a", "b", "c, d"], k: k)
    report.add(
      outputs: [
        3, 2, 1, /**/ 3, 2, 1, /**/ 1, 3, 2, /**/ 1, 3, 2, /**/ 3, 1, 2, /**/ 9, 0, 0,
      ],
      labels: [0, 0, 0, 1, 2, -100], rows: 6)
    return report
  }

  @Test func figures() throws {
    let report = try report()
    #expect(report.counts == [2, 1, 0, 0, 1, 0, 1, 0, 0])
    #expect(report.total == 5 && report.topK == 0.8)
    let classes = report.classes
    #expect(classes.map(\.count) == [3, 1, 1])
    #expect(classes.map(\.precision) == [2.0 / 3, 0.5, 0])
    #expect(classes.map(\.recall) == [2.0 / 3, 1, 0])
    #expect(classes.map(\.f1) == [2.0 / 3, 2.0 / 3, 0])
    #expect(abs(report.macro.f1 - 4.0 / 9) < 1e-15)
  }

  @Test func output() throws {
    let report = try report()
    #expect(
      report.csv.split(separator: "\n").map(String.init) == [
        "class,n,precision,recall,f1,taken for a,taken for b,\"taken for c, d\"",
        "a,3,\(2.0 / 3),\(2.0 / 3),\(2.0 / 3),2,1,0", "b,1,0.5,1.0,\(2.0 / 3),0,1,0",
        "\"c, d\",1,0.0,0.0,0.0,1,0,0",
      ])
    var line = JSONLine()
    report.add(to: &line, withClasses: true)
    #expect(line.text.hasPrefix("{\"top2\":0.8,\"classes\":[{\"class\":\"a\",\"n\":3,"))
    #expect(line.text.hasSuffix("\"confusion\":[[2,1,0],[0,1,0],[1,0,0]]}"))
    let lines = report.lines(withClasses: true)
    #expect(lines[0] == "  top-2 accuracy 0.8000")
    #expect(lines.contains("  macro mean  5     0.3889  0.5556  0.4444"))
    #expect(lines.last == "  c, d               1  ·     ·")
  }

  @Test(arguments: [0, -1, 4]) func refusesBadK(_ k: Int) {
    let failure = failure { _ = try report(k: k) }
    #expect(failure?.kind == .usage && failure?.message == "top-k: \(k) of 3 classes")
  }

  /// R² of chunks is that of the whole, also far from zero.
  @Test func determination() {
    let targets = randomValues(100, stream: 1).map { Double($0) + 1e6 }
    let errors = randomValues(100, stream: 2, scale: 0.5).map(Double.init)
    let chunks = [0..<30, 30..<31, 31..<31, 31..<100].map { range in
      var sums = NodeArena.LeafSums()
      let part = targets[range]
      sums.count = Double(part.count)
      sums.mean = part.isEmpty ? 0 : part.reduce(0, +) / sums.count
      sums.spread = part.reduce(0) { $0 + ($1 - sums.mean) * ($1 - sums.mean) }
      sums.squared = errors[range].reduce(0) { $0 + $1 * $1 }
      return sums
    }
    let mean = targets.reduce(0, +) / 100
    let spread = targets.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let expected = 1 - errors.reduce(0) { $0 + $1 * $1 } / spread
    let found = chunks.withUnsafeBufferPointer { NodeArena.LeafSums.determination($0) }
    #expect(abs((found ?? .nan) - expected) < 1e-8)
    #expect(
      [NodeArena.LeafSums()].withUnsafeBufferPointer { NodeArena.LeafSums.determination($0) } == nil
    )
  }
}
