import COpenMPI

/// Messages between two ranks (MPI 3.1, chapter 3).
extension Communicator {
  /// Lets MPI work on what is under way, as any call of it does: asks whether a message is there.
  /// What fails is told by the call that waits for it.
  package borrowing func progress() {
    var flag: Int32 = 0
    _ = MPI_Iprobe(dt_any_source(), dt_any_tag(), handle, &flag, dt_status_ignore())
  }

  package borrowing func send<Element: MPIElement>(
    _ buffer: UnsafeBufferPointer<Element>, to destination: Int, tag: Int = 0
  ) throws(MPIError) {
    try check(
      "MPI_Send",
      MPI_Send(
        buffer.baseAddress, buffer.mpiCount, Element.datatype, Int32(destination), Int32(tag),
        handle))
  }

  package borrowing func receive<Element: MPIElement>(
    into buffer: UnsafeMutableBufferPointer<Element>, from source: Int, tag: Int = 0
  ) throws(MPIError) {
    try check(
      "MPI_Recv",
      MPI_Recv(
        buffer.baseAddress, buffer.mpiCount, Element.datatype, Int32(source), Int32(tag), handle,
        dt_status_ignore()))
  }

  /// Starts a send; `buffer` must stay untouched until the request is waited for.
  package borrowing func startSend<Element: MPIElement>(
    _ buffer: UnsafeBufferPointer<Element>, to destination: Int, tag: Int = 0
  ) throws(MPIError) -> Request {
    var request = dt_request_null()
    try check(
      "MPI_Isend",
      MPI_Isend(
        buffer.baseAddress, buffer.mpiCount, Element.datatype, Int32(destination), Int32(tag),
        handle, &request))
    return Request(owning: request)
  }

  /// Starts a receive; `buffer` must stay untouched until the request is waited for.
  package borrowing func startReceive<Element: MPIElement>(
    into buffer: UnsafeMutableBufferPointer<Element>, from source: Int, tag: Int = 0
  ) throws(MPIError) -> Request {
    var request = dt_request_null()
    try check(
      "MPI_Irecv",
      MPI_Irecv(
        buffer.baseAddress, buffer.mpiCount, Element.datatype, Int32(source), Int32(tag), handle,
        &request))
    return Request(owning: request)
  }

  /// Starts an in-place allreduce; `buffer` must stay untouched until the request is waited for.
  /// Collective: every rank, in the same order.
  package borrowing func startAllreduce<Element: MPIElement>(
    _ buffer: UnsafeMutableBufferPointer<Element>, _ reduction: Reduction
  ) throws(MPIError) -> Request {
    var request = dt_request_null()
    try check(
      "MPI_Iallreduce",
      MPI_Iallreduce(
        dt_in_place(), buffer.baseAddress, buffer.mpiCount, Element.datatype, reduction.operation,
        handle, &request))
    return Request(owning: request)
  }
}

/// An operation under way. It must be waited for: dropping one is a programmer's error, because
/// MPI still writes to its buffer.
package struct Request: ~Copyable {
  private var handle: MPI_Request?

  init(owning handle: MPI_Request?) { self.handle = handle }

  /// Blocks until the operation is complete and its buffer may be used again.
  package consuming func wait() throws(MPIError) {
    var copy = handle
    discard self
    try check("MPI_Wait", MPI_Wait(&copy, dt_status_ignore()))
  }

  deinit { Request.drop() }

  private static func drop() { preconditionFailure("an MPI request was dropped without wait()") }
}
