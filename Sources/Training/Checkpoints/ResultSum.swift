import Basics
import Glibc

/// The checksum beside a run's result, one line as `sha256sum --check` reads it. A result that was
/// copied without it is taken as it is.
enum ResultSum {
  static func path(of result: String) -> String { result + ".sha256" }

  static func write(_ digest: String, of result: String) throws {
    try FileWriter.replace(path(of: result)) { try $0.write(line(digest, result)) }
  }

  /// - Throws: `Failure.badData` where the file is not the one that was written.
  static func check(_ result: String) throws {
    let path = path(of: result)
    guard access(path, F_OK) == 0 else { return }
    let listed = String(decoding: try readFile(path, limit: 4096), as: UTF8.self)
    guard try line(InputFile(path: result).digest(), result) == listed else {
      throw Failure.badData(
        "\(result): its checksum is not the one in \(path)",
        remedy: "The file is damaged; name a checkpoint of the run instead, RUN/latest.")
    }
  }

  /// Deletes the checksum of a result that is about to be another.
  static func forget(_ result: String) { unlink(path(of: result)) }

  /// Deletes a result and its checksum.
  static func remove(_ result: String) {
    forget(result)
    unlink(result)
  }

  private static func line(_ digest: String, _ result: String) -> String {
    "\(digest)  \(result.split(separator: "/").last ?? "")\n"
  }
}
