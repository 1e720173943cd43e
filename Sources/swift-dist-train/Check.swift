import ArgumentParser
import Basics
import DataParallel
import Reports
import Training

struct Check: ParsableCommand, RankCommand {
  static let comparesRanks = true
  static let configuration = CommandConfiguration(
    abstract: "Test this cluster: collectives, shared memory, cores, the same program everywhere.",
    discussion: "Run it as the job will run: mpirun -np 8 swift-dist-train check")

  @Flag(help: "Print one JSON object.")
  var json = false

  func run(on group: RankGroup) throws -> Int32 {
    var check = ClusterCheck(group: group)
    let results = try check.run()
    let passed = results.allSatisfy(\.passed)
    if group.isFirst {
      if json {
        print(Check.json(results, passed: passed))
      } else {
        var table = Table()
        for result in results {
          table.add(result.passed ? "PASS" : "FAIL", result.name, result.detail)
        }
        for line in table.leftAligned { print(line) }
        print(passed ? "PASS" : "FAIL")
      }
    }
    return passed ? 0 : Failure.Kind.internalError.rawValue
  }

  private static func json(_ results: [ClusterCheck.Result], passed: Bool) -> String {
    let items = results.map { result in
      var line = JSONLine()
      line.add("name", result.name)
      line.add("passed", result.passed)
      line.add("detail", result.detail)
      return line.text
    }
    return "{\"passed\":\(passed),\"checks\":[\(items.joined(separator: ","))]}"
  }
}
