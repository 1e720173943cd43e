import COpenMPI

/// Memory that every rank of one node reads and writes in place
/// (`MPI_Win_allocate_shared`, MPI 3.1, section 11.2.3).
///
/// All of it belongs to local rank 0's segment, so it is contiguous. `base` may lie at any
/// alignment. Pages are promised, not reserved: who uses them must prove them first.
package struct SharedWindow: ~Copyable {
  private let handle: MPI_Win?
  /// Where the window starts in this process.
  package let base: UnsafeMutableRawPointer
  package let byteCount: Int

  /// Collective: every rank of `node`, which must come from `splitByNode()`.
  package init(on node: borrowing Communicator, byteCount: Int) throws(MPIError) {
    var handle = dt_win_null()
    var own: UnsafeMutableRawPointer?
    let mine = node.rank == 0 ? byteCount : 0
    try check(
      "MPI_Win_allocate_shared",
      MPI_Win_allocate_shared(mine, 1, dt_info_null(), node.handle, &own, &handle))
    // A window has a handler of its own, which ends the job.
    try check("MPI_Win_set_errhandler", MPI_Win_set_errhandler(handle, dt_errors_return()))
    var size: Int = 0
    var unit: Int32 = 0
    var base: UnsafeMutableRawPointer?
    try check("MPI_Win_shared_query", MPI_Win_shared_query(handle, 0, &size, &unit, &base))
    guard let base, size >= byteCount else {
      throw MPIError(function: "MPI_Win_shared_query", code: MPI_ERR_WIN)
    }
    self.handle = handle
    self.base = base
    self.byteCount = byteCount
  }

  /// Gives the memory back. Collective: every rank of the node, in the same order as any other
  /// window. Not a deinitializer: ranks may drop their last reference in different orders, and a
  /// collective call in different orders is a deadlock.
  package consuming func free() throws(MPIError) {
    var copy = handle
    try check("MPI_Win_free", MPI_Win_free(&copy))
  }
}
