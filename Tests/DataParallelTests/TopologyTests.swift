import DataParallel
import Testing

@Suite struct TopologyTests {
  @Test func positionsFollowNodesNotWorldRanks() {
    // As `--map-by node` deals four ranks to two hosts.
    let topology = Topology(leaders: [0, 1, 0, 1], localRanks: [0, 0, 1, 1])
    #expect(topology.ranks == [0, 2, 1, 3])
    #expect(topology.nodes == [0..<2, 2..<4])
    #expect((0..<4).map(topology.node(of:)) == [0, 0, 1, 1])
    #expect(topology.ranksPerNode == 2)
  }

  @Test func unequalNodes() {
    let topology = Topology(leaders: [0, 1, 1, 1], localRanks: [0, 0, 1, 2])
    #expect(topology.nodes == [0..<1, 1..<4])
    #expect(topology.ranksPerNode == nil)
    #expect((1..<4).map { topology.peer(of: $0, on: 0) } == [0, 0, 0])
    #expect(topology.peer(of: 0, on: 1) == 1)
  }
}
