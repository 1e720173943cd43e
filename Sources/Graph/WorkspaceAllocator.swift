import Basics

/// Gives buffers of one workspace their offsets so that buffers alive at the same time never
/// overlap and the whole stays small.
enum WorkspaceAllocator {
  /// 64 bytes: a cache line and an AVX-512 register.
  private static let alignment = 16

  /// Walks through time: a buffer takes the smallest gap it fits in, or the end of the
  /// workspace, and gives its place back after its lifetime. Returns the elements needed.
  ///
  /// Complexity: O(n·(log n + g)) for n buffers and g gaps at a time. Activations pile up in the
  /// forward pass and are freed from the top in the backward pass, so gaps are few.
  static func place(_ buffers: [Buffer]) -> Int {
    let births = buffers.indices.sorted {
      let (a, b) = (buffers[$0], buffers[$1])
      return (a.lifetime.lowerBound, b.count, $0) < (b.lifetime.lowerBound, a.count, $1)
    }
    let deaths = buffers.indices.sorted {
      (buffers[$0].lifetime.upperBound, $0) < (buffers[$1].lifetime.upperBound, $1)
    }
    var gaps = Gaps()
    var nextDeath = 0
    for index in births {
      let buffer = buffers[index]
      // Those that died are all born: a lifetime does not end before it begins.
      while buffers[deaths[nextDeath]].lifetime.upperBound < buffer.lifetime.lowerBound {
        let dead = buffers[deaths[nextDeath]]
        gaps.free(dead.offset..<(dead.offset + dead.count.roundedUp(to: alignment)))
        nextDeath += 1
      }
      buffer.offset = gaps.take(buffer.count.roundedUp(to: alignment))
    }
    return gaps.end
  }

  /// What is free of a workspace that can grow.
  private struct Gaps {
    /// In order of their place, never adjacent.
    private var gaps: [Range<Int>] = []
    private(set) var end = 0

    /// The start of `count` free elements, which are the caller's from now on.
    mutating func take(_ count: Int) -> Int {
      let fitting = gaps.indices.filter { gaps[$0].count >= count }
      if let best = fitting.min(by: { gaps[$0].count < gaps[$1].count }) {
        let start = gaps[best].lowerBound
        if gaps[best].count == count {
          gaps.remove(at: best)
        } else {
          gaps[best] = (start + count)..<gaps[best].upperBound
        }
        return start
      }
      // A gap at the end grows; else the workspace does.
      var start = end
      if let last = gaps.last, last.upperBound == end {
        start = last.lowerBound
        gaps.removeLast()
      }
      end = start + count
      return start
    }

    mutating func free(_ range: Range<Int>) {
      if range.isEmpty { return }
      var position = gaps.partitioningIndex { $0.lowerBound > range.lowerBound }
      var merged = range
      if position > 0, gaps[position - 1].upperBound == range.lowerBound {
        merged = gaps[position - 1].lowerBound..<range.upperBound
        gaps.remove(at: position - 1)
        position -= 1
      }
      if position < gaps.count, gaps[position].lowerBound == range.upperBound {
        merged = merged.lowerBound..<gaps[position].upperBound
        gaps.remove(at: position)
      }
      gaps.insert(merged, at: position)
    }
  }
}

extension Array {
  /// The first index whose element, and all after it, satisfy `predicate`.
  /// Complexity: O(log n).
  fileprivate func partitioningIndex(_ predicate: (Element) -> Bool) -> Int {
    var (low, high) = (startIndex, endIndex)
    while low < high {
      let middle = (low + high) / 2
      if predicate(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
