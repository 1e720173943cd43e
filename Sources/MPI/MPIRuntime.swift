import COpenMPI
import Glibc

/// Owns the time between `MPI_Init_thread` and `MPI_Finalize`.
///
/// Threads: FUNNELED, only the thread that made this object calls MPI. Nothing here is
/// `Sendable`, so the compiler keeps it there.
package struct MPIRuntime: ~Copyable {
  /// Collective: every process of the job.
  package init() throws(MPIError) {
    // Unless the user has set it. At 1 Gbit/s a step of 5.8 M parameters takes 0.2 s with this and
    // 0.3 s with the default of 64 KiB.
    setenv("OMPI_MCA_btl_tcp_eager_limit", "\(RequestList.eagerLimit)", 0)
    setenv("OMPI_MCA_btl_tcp_max_send_size", "\(RequestList.eagerLimit)", 0)
    var provided: Int32 = 0
    let funneled = Int32(MPI_THREAD_FUNNELED)
    try check("MPI_Init_thread", MPI_Init_thread(nil, nil, funneled, &provided))
    try check(
      "MPI_Comm_set_errhandler", MPI_Comm_set_errhandler(dt_comm_world(), dt_errors_return()))
    try check("MPI_Query_thread", provided >= funneled ? MPI_SUCCESS : MPI_ERR_OTHER)
  }

  /// All processes of the job; a private duplicate, so that no message of another library meets
  /// ours. Collective: every rank.
  package func world() throws(MPIError) -> Communicator {
    var handle = dt_comm_null()
    try check("MPI_Comm_dup", MPI_Comm_dup(dt_comm_world(), &handle))
    return try Communicator(owning: handle)
  }

  /// Ends MPI. Collective: every rank. A rank that fails alone must `abort` instead, or the
  /// others wait for it for ever.
  package consuming func finalize() throws(MPIError) {
    try check("MPI_Finalize", MPI_Finalize())
  }

  /// Ends every process of the job with `code`, which must not be 0: mpirun would return it.
  package static func abort(_ code: Int32) {
    MPI_Abort(dt_comm_world(), code == 0 ? 70 : code)
  }

  /// The name of this host as MPI knows it.
  package static var processorName: String {
    MPIError.string { MPI_Get_processor_name($0, $1) }
  }

  /// "Open MPI v4.1.4, …" as the library reports it; may be asked before initialization.
  package static var libraryVersion: String {
    MPIError.string { MPI_Get_library_version($0, $1) }
  }
}
