import Glibc

/// The name of this host as the system has it, known before MPI is.
package func hostName() -> String {
  var name = [CChar](repeating: 0, count: 256)
  // The last byte stays 0: a name that is cut off may come without one.
  gethostname(&name, name.count - 1)
  return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}
