import COpenMPI

/// Sends and receives under way together (MPI 3.1, section 3.7.5), of any number of bytes.
///
/// The buffers must stay until `areComplete` has said yes. It allocates only while it grows.
package final class RequestList {
  private var handles: [MPI_Request?] = []
  /// Longer ones go in pieces of this many bytes, which MPI sends without asking the receiver
  /// first: a handshake would wait for the end of the matrix product that either is in.
  private static let longestMessage = 256 << 10
  /// The same with room for MPI's header.
  static let eagerLimit = longestMessage + 4096

  package init() {}

  package var isEmpty: Bool { handles.isEmpty }

  package func send(
    _ bytes: UnsafeRawBufferPointer, to destination: Int, tag: Int,
    on communicator: borrowing Communicator
  ) throws(MPIError) {
    var start = 0
    while start < bytes.count {
      let count = min(bytes.count - start, Self.longestMessage)
      var request = dt_request_null()
      try check(
        "MPI_Isend",
        immediate: MPI_Isend(
          bytes.baseAddress.map { $0 + start }, Int32(count), dt_byte(), Int32(destination),
          Int32(tag), communicator.handle, &request))
      handles.append(request)
      start += count
    }
  }

  package func receive(
    into bytes: UnsafeMutableRawBufferPointer, from source: Int, tag: Int,
    on communicator: borrowing Communicator
  ) throws(MPIError) {
    var start = 0
    while start < bytes.count {
      let count = min(bytes.count - start, Self.longestMessage)
      var request = dt_request_null()
      try check(
        "MPI_Irecv",
        immediate: MPI_Irecv(
          bytes.baseAddress.map { $0 + start }, Int32(count), dt_byte(), Int32(source),
          Int32(tag), communicator.handle, &request))
      handles.append(request)
      start += count
    }
  }

  /// Starts an `MPI_Ireduce` of sums (MPI 3.1, section 5.12.2) into `result` of `root`. Collective:
  /// every rank of `communicator`, in the same order.
  package func sum(
    _ values: UnsafeBufferPointer<Float>, into result: UnsafeMutablePointer<Float>?, root: Int,
    on communicator: borrowing Communicator
  ) throws(MPIError) {
    var request = dt_request_null()
    try check(
      "MPI_Ireduce",
      immediate: MPI_Ireduce(
        values.baseAddress, result, values.mpiCount, dt_float(), dt_sum(), Int32(root),
        communicator.handle, &request))
    handles.append(request)
  }

  /// Lets MPI work, and says whether everything has been sent and received.
  package func areComplete() throws(MPIError) -> Bool {
    if handles.isEmpty { return true }
    var flag: Int32 = 0
    try check(
      "MPI_Testall",
      immediate: handles.withUnsafeMutableBufferPointer {
        MPI_Testall(Int32($0.count), $0.baseAddress, &flag, dt_statuses_ignore())
      })
    if flag != 0 { handles.removeAll(keepingCapacity: true) }
    return flag != 0
  }
}
