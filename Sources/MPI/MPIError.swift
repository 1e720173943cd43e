import Basics
import COpenMPI
import Synchronization

/// A failed MPI call: the function, its error class and Open MPI's own text.
///
/// Codes come back because every communicator has `MPI_ERRORS_RETURN` (MPI 3.1, section 8.3).
package struct MPIError: Error, Sendable, CustomStringConvertible {
  package let function: String
  package let code: Int32
  package let errorClass: Int32
  package let text: String

  init(function: String, code: Int32) {
    self.function = function
    self.code = code
    var errorClass = code
    MPI_Error_class(code, &errorClass)
    self.errorClass = errorClass
    text = MPIError.string { MPI_Error_string(code, $0, $1) }
  }

  package var description: String {
    "\(function) failed: \(text) (class \(errorClass), code \(code))"
  }

  /// Reads a string that MPI writes into a buffer of `MPI_MAX_ERROR_STRING` or fewer characters.
  static func string(
    _ read: (UnsafeMutablePointer<CChar>, UnsafeMutablePointer<Int32>) -> Int32
  ) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 8192) { buffer in
      guard let base = buffer.baseAddress else { return "" }
      var length: Int32 = 0
      guard read(base, &length) == MPI_SUCCESS else { return "unknown" }
      let bytes = UnsafeRawBufferPointer(start: base, count: Int(length))
      return String(decoding: bytes, as: UTF8.self)
    }
  }
}

/// Makes an MPI call that may wait for others, and turns its return code into a thrown error.
func check(_ function: String, _ call: @autoclosure () -> Int32) throws(MPIError) {
  isInsideBlockingCall.store(true, ordering: .relaxed)
  let code = call()
  isInsideBlockingCall.store(false, ordering: .relaxed)
  try check(function, immediate: code)
}

/// The same for the return code of a call that waits for nobody.
func check(_ function: String, immediate code: Int32) throws(MPIError) {
  if code != MPI_SUCCESS { throw MPIError(function: function, code: code) }
}
