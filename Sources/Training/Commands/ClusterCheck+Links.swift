import CKernels
import DataParallel
import MPI
import Reports

/// The part of `check` that describes: hosts, binding, windows, and what the links carry.
extension ClusterCheck {
  private static let sizes = [8, 64 << 10, 4 << 20]

  /// Which ranks are on which host.
  var nodeMap: String {
    zip(group.hosts, group.topology.nodes).map { host, positions in
      let ranks = positions.map { "\(group.topology.ranks[$0])" }.joined(separator: " ")
      return "\(host): \(ranks)"
    }.joined(separator: "; ")
  }

  /// One-way time and bandwidth between this rank and `peer`, by message size: half a round trip.
  /// Both ranks of a pair call it.
  private func pingPong(
    with peer: Int, leads: Bool, bytes: Int, on communicator: borrowing Communicator
  ) throws -> Double {
    var storage = [UInt8](repeating: 0, count: bytes)
    let rounds = bytes > 1 << 20 ? 10 : 200
    var start: UInt64 = 0
    try storage.withUnsafeMutableBufferPointer { buffer in
      // The first tenth warms connections up.
      for round in -rounds / 10..<rounds {
        if round == 0 { start = ck_monotonic_ns() }
        if leads {
          try communicator.send(UnsafeBufferPointer(buffer), to: peer, tag: 2)
          try communicator.receive(into: buffer, from: peer, tag: 2)
        } else {
          try communicator.receive(into: buffer, from: peer, tag: 2)
          try communicator.send(UnsafeBufferPointer(buffer), to: peer, tag: 2)
        }
      }
    }
    return Double(ck_monotonic_ns() - start) / 1e9 / Double(2 * rounds)
  }

  /// The first rank's link to a rank of its own host and to one of every other, one at a time.
  mutating func links() throws {
    var partners: [(name: String, rank: Int)] = []
    for (node, positions) in group.topology.nodes.enumerated() {
      let position = node == 0 ? positions.lowerBound + 1 : positions.lowerBound
      if positions.contains(position) {
        partners.append(
          (
            node == 0 ? "within \(group.hosts[0])" : "to \(group.hosts[node])",
            group.topology.ranks[position]
          ))
      }
    }
    for partner in partners {
      var words: [String] = []
      for bytes in ClusterCheck.sizes {
        var seconds = 0.0
        if group.rank == 0 || group.rank == partner.rank {
          let leads = group.rank == 0
          seconds = try pingPong(
            with: leads ? partner.rank : 0, leads: leads, bytes: bytes, on: group.world)
        }
        seconds = try group.world.broadcast(value: seconds)
        words.append(
          "\(Format.bytes(bytes)) \(Format.fixed(seconds * 1e6, 1)) µs, "
            + "\(Format.fixed(Double(bytes) / seconds / 1e9, 3)) GB/s")
      }
      try record("link \(partner.name)", true, words.joined(separator: "; "))
    }
  }
}
