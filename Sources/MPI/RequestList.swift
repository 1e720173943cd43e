import COpenMPI

/// Sends and receives under way together (MPI 3.1, section 3.7.5), of any number of bytes.
///
/// The buffers must stay until `areComplete` has said yes. It allocates only while it grows.
package final class RequestList {
  private var handles: [MPI_Request?] = []
  /// A call moves at most 2^31 - 1 elements, so what is longer goes in pieces.
  private static let longestMessage = 1 << 30

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
        MPI_Isend(
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
        MPI_Irecv(
          bytes.baseAddress.map { $0 + start }, Int32(count), dt_byte(), Int32(source),
          Int32(tag), communicator.handle, &request))
      handles.append(request)
      start += count
    }
  }

  /// Lets MPI work, and says whether everything has been sent and received.
  package func areComplete() throws(MPIError) -> Bool {
    if handles.isEmpty { return true }
    var flag: Int32 = 0
    let code = handles.withUnsafeMutableBufferPointer {
      MPI_Testall(Int32($0.count), $0.baseAddress, &flag, dt_statuses_ignore())
    }
    try check("MPI_Testall", code)
    if flag != 0 { handles.removeAll(keepingCapacity: true) }
    return flag != 0
  }
}
