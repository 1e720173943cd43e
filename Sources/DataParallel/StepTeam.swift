/// The ranks that take a training step together: all of the run, or, for some steps, those of one
/// host. Plain integers: no MPI.
package struct StepTeam: Sendable {
  /// Of leaves and parameters among them.
  package let division: WorkDivision
  /// Their positions in the run.
  package let positions: Range<Int>
  /// This rank's position among them.
  package let position: Int
  package var node: Int { division.topology.node(of: position) }
  /// The first of them decides for all.
  package var leads: Bool { position == 0 }

  /// All ranks of the run.
  package init(all division: WorkDivision, position: Int) {
    self.division = division
    positions = 0..<division.rankCount
    self.position = position
  }

  /// The ranks on the host of `position`: they have the leaves that they have in the whole run, and
  /// all parameters. nil for a host without leaves, which has nothing to learn from.
  package init?(hostOf position: Int, in run: WorkDivision) {
    positions = run.topology.nodes[run.topology.node(of: position)]
    let leaves = positions.flatMap { Array(run.leaves(of: $0)) }
    guard let first = leaves.first else { return nil }
    self.position = position - positions.lowerBound
    division = WorkDivision(
      topology: Topology(ranksOnOneHost: positions.count),
      tree: CanonicalTree(leafCount: leaves.count, groupSize: run.tree.groupSize),
      leafPlace: (first, run.tree.leafCount), blocks: run.blocks)
  }
}
