import CKernels

/// The sum over all leaves in a buffer of every rank's own, which is what `MPI_Allreduce` delivers.
/// Training has no use for it: there the ranks of a node read one copy.
///
/// On one node it goes a bucket at a time: each rank adds its slice into shared memory and into its
/// own buffer and, behind a meeting, copies the other slices from there. All buckets take turns in
/// the room of two, so that memory sees the operands and the results and little between. With
/// several nodes the sums lie where the parameters do, and are copied when the last one has come.
package final class BufferSums {
  /// How the sum of a slice gets from its owner to the other ranks.
  ///
  /// A cache that they share is the shortest way. Where they share none, lines that have to be
  /// fetched from another core's cache come four times slower than from memory. Which of the two it
  /// is must be measured: a virtual machine's cores move, whatever its topology says.
  package enum Way: String, CaseIterable {
    case cache
    case memory
  }

  /// Elements of a bucket on one node. Smaller ones meet too often; two larger ones, and what a rank
  /// reads beside them, are more than caches hold.
  package static let bucketElements = 1 << 18

  private let meetings: StepMeetings
  private let reducer: GradientReducer
  private let division: WorkDivision
  private let isOneNode: Bool
  /// The shared place of element i is i modulo this. Of whole blocks, so that none is split.
  private let period: Int
  private let isCached: Bool

  /// - Parameters:
  ///   - meetings: of all ranks.
  ///   - reducer: of the same division, on one node with buckets of at most `bucketElements`,
  ///     which go fastest in the order in which the slots were filled.
  ///   - isCached: whether a core's own cache holds the buffers; others are written past it.
  package init(meetings: StepMeetings, reducer: GradientReducer, isCached: Bool) {
    self.meetings = meetings
    self.reducer = reducer
    self.isCached = isCached
    division = meetings.team.division
    isOneNode = division.topology.nodes.count == 1
    period = isOneNode ? 2 * Self.bucketElements : max(1, meetings.arena.sizes.parameters)
  }

  /// Sums the gradient slots, which have been filled, into `target`, laid out like the parameters,
  /// whose own place is overwritten. Collective: every rank, the same way.
  package func sum(into target: UnsafeMutablePointer<Float>, through way: Way) throws {
    let addShared = way == .cache ? ck_add : ck_add_streaming
    let addOwn = isCached ? ck_add : ck_add_streaming
    let addsToBoth = way == .cache && !isCached
    try reducer.publishSlots()
    try meetings.gatherVotes()
    try reducer.reduceSlices(keeps: false) { _, range, addition in
      let (shared, own) = (sharedPlace(of: range), target + range.lowerBound)
      if let right = addition.right, addsToBoth {
        ck_add_to_both(shared, own, addition.left, right, range.count)
      } else if let right = addition.right {
        addShared(shared, addition.left, right, range.count)
        addOwn(own, addition.left, right, range.count)
      } else {
        shared.update(from: addition.left, count: range.count)
        own.update(from: addition.left, count: range.count)
      }
    } didFinish: { bucket in
      if isOneNode {
        // It also says that everybody has copied the bucket whose place is the next one's.
        meetings.arena.barrier()
        copyOthers(of: bucket, to: target)
      } else {
        try meetings.startSharingParameters(bucket: bucket)
      }
    }
    if !isOneNode {
      try meetings.gatherParameters()
      for bucket in division.buckets.indices { copyOthers(of: bucket, to: target) }
    }
  }

  private func copyOthers(of bucket: Int, to target: UnsafeMutablePointer<Float>) {
    for (rank, slice) in division.slices[bucket].enumerated() where rank != meetings.team.position {
      for block in slice {
        let range = division.blocks[block]
        let (own, shared) = (target + range.lowerBound, sharedPlace(of: range))
        if isCached {
          own.update(from: shared, count: range.count)
        } else {
          ck_copy_streaming(own, shared, range.count)
        }
      }
    }
  }

  private func sharedPlace(of range: Range<Int>) -> UnsafeMutablePointer<Float> {
    meetings.arena.parameters + range.lowerBound % period
  }
}
