package import COpenMPI

/// A Swift type that has an MPI datatype of the same bits (MPI 3.1, section 3.2.2).
package protocol MPIElement: BitwiseCopyable {
  static var datatype: MPI_Datatype { get }
}

extension UInt8: MPIElement {
  package static var datatype: MPI_Datatype { dt_byte() }
}

extension Int32: MPIElement {
  package static var datatype: MPI_Datatype { dt_int32() }
}

extension Int: MPIElement {
  package static var datatype: MPI_Datatype { dt_int64() }
}

extension UInt64: MPIElement {
  package static var datatype: MPI_Datatype { dt_uint64() }
}

extension Float: MPIElement {
  package static var datatype: MPI_Datatype { dt_float() }
}

extension Double: MPIElement {
  package static var datatype: MPI_Datatype { dt_double() }
}

/// What a reduction does with two elements.
package enum Reduction: Sendable, CaseIterable {
  case sum, minimum, maximum

  var operation: MPI_Op {
    switch self {
    case .sum: dt_sum()
    case .minimum: dt_min()
    case .maximum: dt_max()
    }
  }
}

extension UnsafeBufferPointer {
  /// The count as MPI wants it; a buffer of 2^31 elements or more is a programmer's error here.
  var mpiCount: Int32 {
    precondition(count <= Int(Int32.max), "an MPI call moves at most 2^31 - 1 elements")
    return Int32(count)
  }
}

extension UnsafeMutableBufferPointer {
  var mpiCount: Int32 { UnsafeBufferPointer(self).mpiCount }
}
