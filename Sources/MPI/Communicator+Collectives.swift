import COpenMPI

/// Collective calls: every rank of the communicator, in the same order (MPI 3.1, chapter 5).
extension Communicator {
  package borrowing func barrier() throws(MPIError) {
    try check("MPI_Barrier", MPI_Barrier(handle))
  }

  /// `buffer` of `root` ends up in `buffer` of every rank.
  package borrowing func broadcast<Element: MPIElement>(
    _ buffer: UnsafeMutableBufferPointer<Element>, root: Int = 0
  ) throws(MPIError) {
    try check(
      "MPI_Bcast",
      MPI_Bcast(buffer.baseAddress, buffer.mpiCount, Element.datatype, Int32(root), handle))
  }

  /// Combines `buffer` of all ranks element by element, in place on every rank.
  package borrowing func allreduce<Element: MPIElement>(
    _ buffer: UnsafeMutableBufferPointer<Element>, _ reduction: Reduction
  ) throws(MPIError) {
    try check(
      "MPI_Allreduce",
      MPI_Allreduce(
        dt_in_place(), buffer.baseAddress, buffer.mpiCount, Element.datatype, reduction.operation,
        handle))
  }

  /// Combines `buffer` of all ranks into `buffer` of `root`; other ranks' buffers keep their
  /// values.
  package borrowing func reduce<Element: MPIElement>(
    _ buffer: UnsafeMutableBufferPointer<Element>, _ reduction: Reduction, root: Int = 0
  ) throws(MPIError) {
    let send = rank == root ? dt_in_place() : UnsafeMutableRawPointer(buffer.baseAddress)
    let receive = rank == root ? buffer.baseAddress : nil
    try check(
      "MPI_Reduce",
      MPI_Reduce(
        send, receive, buffer.mpiCount, Element.datatype, reduction.operation, Int32(root),
        handle))
  }

  /// Equal counts of every rank in rank order: `result` on every rank holds
  /// `size × buffer.count` elements.
  package borrowing func allgather<Element: MPIElement>(
    _ buffer: UnsafeBufferPointer<Element>, into result: UnsafeMutableBufferPointer<Element>
  ) throws(MPIError) {
    precondition(result.count == buffer.count * size, "allgather needs size × count elements")
    try check(
      "MPI_Allgather",
      MPI_Allgather(
        buffer.baseAddress, buffer.mpiCount, Element.datatype, result.baseAddress, buffer.mpiCount,
        Element.datatype, handle))
  }

  /// Equal counts of every rank in rank order, on `root` only; pass an empty `result` elsewhere.
  package borrowing func gather<Element: MPIElement>(
    _ buffer: UnsafeBufferPointer<Element>, into result: UnsafeMutableBufferPointer<Element>,
    root: Int = 0
  ) throws(MPIError) {
    precondition(rank != root || result.count == buffer.count * size)
    try check(
      "MPI_Gather",
      MPI_Gather(
        buffer.baseAddress, buffer.mpiCount, Element.datatype, result.baseAddress, buffer.mpiCount,
        Element.datatype, Int32(root), handle))
  }
}

/// Small values by value, for set-up code.
extension Communicator {
  package borrowing func broadcast<Element: MPIElement>(
    value: Element, root: Int = 0
  ) throws(MPIError) -> Element {
    var value = value
    try check("MPI_Bcast", MPI_Bcast(&value, 1, Element.datatype, Int32(root), handle))
    return value
  }

  package borrowing func allreduce<Element: MPIElement>(
    value: Element, _ reduction: Reduction
  ) throws(MPIError) -> Element {
    var value = value
    try check(
      "MPI_Allreduce",
      MPI_Allreduce(dt_in_place(), &value, 1, Element.datatype, reduction.operation, handle))
    return value
  }

  package borrowing func allgather<Element: MPIElement>(
    value: Element
  ) throws(MPIError) -> [Element] {
    var own = value
    var result = [Element](repeating: value, count: size)
    try check(
      "MPI_Allgather",
      MPI_Allgather(&own, 1, Element.datatype, &result, 1, Element.datatype, handle))
    return result
  }

  /// Bytes of any length from `root` to every rank: the length travels first.
  package borrowing func broadcast(bytes: [UInt8], root: Int = 0) throws(MPIError) -> [UInt8] {
    let count = try broadcast(value: bytes.count, root: root)
    var result = rank == root ? bytes : [UInt8](repeating: 0, count: count)
    try check(
      "MPI_Bcast",
      result.withUnsafeMutableBufferPointer { buffer in
        MPI_Bcast(buffer.baseAddress, buffer.mpiCount, UInt8.datatype, Int32(root), handle)
      })
    return result
  }
}
