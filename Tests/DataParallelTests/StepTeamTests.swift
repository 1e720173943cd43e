import DataParallel
import Testing

@Suite struct StepTeamTests {
  private static let blocks = [0..<4096, 4096..<5000, 5008..<9000]

  private func division(_ sizes: [Int], leaves: Int, groupSize: Int? = nil) -> WorkDivision {
    WorkDivision(
      topology: Topology(nodes: sizes),
      tree: CanonicalTree(leafCount: leaves, groupSize: groupSize ?? leaves), blocks: Self.blocks,
      bucketElements: 4096)
  }

  @Test func allRanks() {
    let run = division([2, 1], leaves: 8)
    let team = StepTeam(all: run, position: 2)
    #expect(team.positions == 0..<3 && team.position == 2 && team.node == 1 && !team.leads)
    #expect(team.division.slices == run.slices)
  }

  @Test(arguments: [[1, 1], [2, 2], [3, 1], [1, 2, 3]], [8, 11]) func hosts(
    _ sizes: [Int], leaves: Int
  ) throws {
    let run = division(sizes, leaves: leaves)
    for position in 0..<run.rankCount {
      let team = try #require(StepTeam(hostOf: position, in: run))
      let host = run.topology.nodes[run.topology.node(of: position)]
      #expect(team.positions == host && team.position == position - host.lowerBound)
      #expect(team.node == 0 && team.leads == (position == host.lowerBound))
      // The same samples, on the same ranks of the host.
      for batch in [leaves, 64, 65] {
        let samples = team.division.leaves(of: team.position).map {
          team.division.samples(ofLeaf: $0, batch: batch)
        }
        #expect(
          samples == run.leaves(of: position).map { run.samples(ofLeaf: $0, batch: batch) })
      }
      // All parameters, within the host.
      #expect(team.division.slices.flatMap { $0 }.flatMap(Array.init) == [0, 1, 2])
    }
  }

  @Test func theTreeIsTheHostsOwn() throws {
    let run = division([2, 2], leaves: 12, groupSize: 3)
    let team = try #require(StepTeam(hostOf: 3, in: run))
    #expect(team.division.tree == CanonicalTree(leafCount: 6, groupSize: 3))
  }

  @Test func aHostWithoutLeaves() {
    let run = division([2, 1], leaves: 2)
    #expect(StepTeam(hostOf: 1, in: run) != nil)
    #expect(StepTeam(hostOf: 2, in: run) == nil)
  }

  /// What enters a running statistic on all hosts is what enters it in the run.
  @Test(arguments: [7, 8, 9, 20, 64, 67]) func statisticCounts(batch: Int) throws {
    let run = division([1, 2, 1], leaves: 9)
    for values in [1, 2, 49] {
      let hosts = try [0, 1, 3].map {
        try #require(StepTeam(hostOf: $0, in: run)).division
          .statisticCount(valuesPerSample: values, batch: batch)
      }
      #expect(
        hosts.reduce(0, +) == run.statisticCount(valuesPerSample: values, batch: batch))
    }
  }
}
