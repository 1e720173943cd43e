import Basics
import Glibc

extension FileWriter {
  /// Writes the whole of `path` at once: beside it, synced, renamed, the folder synced. Whoever reads
  /// it sees what was there before or all that `body` writes.
  ///
  /// - Throws: `Failure.cannotWrite`, or what `body` throws; then what was there still is.
  package static func replace(_ path: String, _ body: (inout FileWriter) throws -> Void) throws {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    let folder = String(path.dropLast(name.count))
    let temporary = "\(folder).\(name).new"
    do {
      var writer = try FileWriter(path: temporary)
      try body(&writer)
      try writer.finish()
      if rename(temporary, path) != 0 { throw systemFailure(path) }
    } catch {
      unlink(temporary)
      throw error
    }
    RunFolder.syncFolder(folder.isEmpty ? "." : folder)
  }
}
