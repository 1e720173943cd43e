import Basics
import Glibc

extension CheckpointFolder {
  /// Copies a checkpoint of another run, which becomes this run's own.
  /// - Throws: `Failure.badData` where it is missing or damaged, `Failure.cannotWrite`.
  func adopt(_ step: Int, from source: String) throws {
    let copy = temporary(step)
    CheckpointFolder.delete(copy)
    do {
      if mkdir(copy, 0o755) != 0 { throw systemFailure(copy) }
      for name in CheckpointFolder.files {
        try CheckpointFolder.copy("\(source)/\(name)", to: "\(copy)/\(name)")
      }
      _ = try StoredCheckpoint(path: copy, fromDisk: true)
      try record(step, sums: try readTextFile(copy + "/SHA256SUMS", limit: 1 << 16))
      _ = try promote(step)
    } catch {
      CheckpointFolder.delete(copy)
      throw error
    }
  }

  private static func copy(_ source: String, to path: String) throws {
    let file = try InputFile(path: source, followsLinks: false)
    var writer = try FileWriter(path: path)
    var piece = [UInt8](repeating: 0, count: 1 << 20)
    for start in stride(from: 0, to: file.byteCount, by: piece.count) {
      let count = min(piece.count, file.byteCount - start)
      try piece.withUnsafeMutableBytes { bytes in
        let part = UnsafeMutableRawBufferPointer(rebasing: bytes[..<count])
        try file.read(into: part, at: start)
        try writer.write(UnsafeRawBufferPointer(part))
      }
    }
    try writer.finish()
  }
}
