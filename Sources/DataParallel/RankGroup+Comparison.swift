package import Basics
import MPI

/// What all ranks must have in common, compared before anything is built on it: the program, the
/// configuration, the data.
extension RankGroup {
  /// Makes sure that every rank has what the first rank has. Collective.
  ///
  /// - Parameters:
  ///   - what: "configuration"; what an error calls it.
  ///   - lines: its content; those that differ are quoted.
  /// - Throws: `CollectiveFailure` of `kind` naming ranks, hosts and both hashes.
  package func requireSame(
    _ what: String, _ lines: [String], else kind: Failure.Kind, remedy: String
  ) throws {
    let difference = try difference(what, lines)
    try agree { if let difference { throw Failure(kind, difference, remedy: remedy) } }
  }

  /// What this rank has other than the first rank; nil where it has the same. Collective.
  package func difference(_ what: String, _ lines: [String]) throws -> String? {
    let hashes = try world.allgather(value: stableHash(lines.joined(separator: "\n")))
    guard hashes.contains(where: { $0 != hashes[0] }) else { return nil }
    let bytes = try world.broadcast(bytes: Array(lines.joined(separator: "\n").utf8))
    let first = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    let own = hashes[rank]
    if own == hashes[0] { return nil }
    let others = topology.ranks.filter { hashes[$0] != hashes[0] }
    let quoted = { (lines: [String], other: [String]) -> String in
      let quotes = lines.filter { !other.contains($0) }.prefix(3).map { "'\($0)'" }
      return quotes.isEmpty ? "nothing" : quotes.joined(separator: ", ")
    }
    return "\(describe(ranks: others)): another \(what) than rank 0 on \(hosts[0]), "
      + "hash \(String(own, radix: 16)) and not \(String(hashes[0], radix: 16)): "
      + "\(quoted(lines, first)) and not \(quoted(first, lines))"
  }

  /// "ranks 2, 3 on n2; rank 4 on n3".
  /// - Parameter ranks: in the order of their positions.
  private func describe(ranks: [Int]) -> String {
    topology.nodes.indices.compactMap { node in
      let here = topology.nodes[node].map { topology.ranks[$0] }.filter(ranks.contains)
      if here.isEmpty { return nil }
      let numbers = here.map(String.init).joined(separator: ", ")
      return "rank\(here.count == 1 ? "" : "s") \(numbers) on \(hosts[node])"
    }.joined(separator: "; ")
  }
}
