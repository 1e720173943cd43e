/// Gives buffers of one workspace their offsets so that buffers alive at the same time never
/// overlap and the whole stays small.
enum WorkspaceAllocator {
  /// 64 bytes: a cache line and an AVX-512 register.
  private static let alignment = 16

  /// First fit by size, largest first. Returns the elements the workspace needs.
  /// Complexity: O(n²) in the number of buffers, once a plan.
  static func place(_ buffers: [Buffer]) -> Int {
    var placed: [Buffer] = []
    var total = 0
    let order = buffers.enumerated().sorted {
      ($1.element.count, $0.offset) < ($0.element.count, $1.offset)
    }
    for (_, buffer) in order {
      var offset = 0
      for other in placed.sorted(by: { $0.offset < $1.offset })
      where other.lifetime.overlaps(buffer.lifetime) {
        if offset + buffer.count <= other.offset { break }
        offset = max(offset, roundUp(other.offset + other.count))
      }
      buffer.offset = offset
      placed.append(buffer)
      total = max(total, roundUp(offset + buffer.count))
    }
    return total
  }

  private static func roundUp(_ count: Int) -> Int {
    (count + alignment - 1) / alignment * alignment
  }
}
