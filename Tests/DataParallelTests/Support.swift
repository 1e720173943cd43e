import DataParallel

extension Topology {
  /// Nodes of these many ranks each.
  init(nodes sizes: [Int]) {
    let leaders = sizes.indices.flatMap { node in
      Array(repeating: sizes[..<node].reduce(0, +), count: sizes[node])
    }
    self.init(leaders: leaders, localRanks: sizes.flatMap { Array(0..<$0) })
  }
}
