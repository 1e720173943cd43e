import COpenMPI

/// A group of ranks that talk only among themselves (MPI 3.1, chapter 6).
///
/// Owned by exactly one place and freed with it; must not outlive `MPIRuntime`.
package struct Communicator: ~Copyable {
  let handle: MPI_Comm?
  /// This process's number in the group, 0 ..< size.
  package let rank: Int
  /// The number of processes in the group.
  package let size: Int

  init(owning handle: MPI_Comm?) throws(MPIError) {
    var rank: Int32 = 0
    var size: Int32 = 0
    try check("MPI_Comm_set_errhandler", MPI_Comm_set_errhandler(handle, dt_errors_return()))
    try check("MPI_Comm_rank", MPI_Comm_rank(handle, &rank))
    try check("MPI_Comm_size", MPI_Comm_size(handle, &size))
    self.handle = handle
    self.rank = Int(rank)
    self.size = Int(size)
  }

  deinit {
    var finalized: Int32 = 0
    MPI_Finalized(&finalized)
    guard finalized == 0 else { return }
    var copy = handle
    MPI_Comm_free(&copy)
  }

  /// The same group with its own message space. Collective: every rank of this communicator.
  package borrowing func duplicate() throws(MPIError) -> Communicator {
    var result = dt_comm_null()
    try check("MPI_Comm_dup", MPI_Comm_dup(handle, &result))
    return try Communicator(owning: result)
  }

  /// Ranks of equal `color` form a group, ordered by `key`. Collective: every rank.
  package borrowing func split(color: Int, key: Int) throws(MPIError) -> Communicator {
    var result = dt_comm_null()
    try check("MPI_Comm_split", MPI_Comm_split(handle, Int32(color), Int32(key), &result))
    return try Communicator(owning: result)
  }

  /// Ranks that can share memory form a group, in this communicator's order. Collective.
  package borrowing func splitByNode() throws(MPIError) -> Communicator {
    var result = dt_comm_null()
    try check(
      "MPI_Comm_split_type",
      MPI_Comm_split_type(
        handle, Int32(MPI_COMM_TYPE_SHARED), Int32(rank), dt_info_null(), &result))
    return try Communicator(owning: result)
  }
}
