import Basics
import CKernels
import Glibc

/// A new file beside its place: written a piece at a time, synced, then ready to be renamed.
package struct FileWriter: ~Copyable {
  private static let pieceBytes = 1 << 20

  private let path: String
  private let descriptor: Int32
  private(set) var byteCount = 0

  /// - Throws: `Failure.cannotWrite`.
  init(path: String) throws {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
    if descriptor < 0 { throw systemFailure(path) }
  }

  mutating func write(_ bytes: UnsafeRawBufferPointer) throws {
    for start in stride(from: 0, to: bytes.count, by: Self.pieceBytes) {
      let end = min(start + Self.pieceBytes, bytes.count)
      let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
      try writeAll(piece)
      // The disk works on this piece while the next one is copied out.
      ck_start_writing(descriptor, Int64(byteCount), Int64(piece.count))
      byteCount += piece.count
    }
  }

  private func writeAll(_ bytes: UnsafeRawBufferPointer) throws {
    var written = 0
    while written < bytes.count {
      let count = Glibc.write(
        descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
      if count < 0 && errno == EINTR { continue }
      // A short write is no error yet; the next one says what is wrong.
      guard count > 0 else { throw systemFailure(path) }
      written += count
    }
  }

  package mutating func write(_ text: String) throws {
    try Array(text.utf8).withUnsafeBytes { try write($0) }
  }

  /// Syncs the file to disk.
  consuming func finish() throws {
    if fsync(descriptor) != 0 { throw systemFailure(path) }
  }

  deinit { close(descriptor) }
}

func hexadecimal(_ digest: some Sequence<UInt8>) -> String {
  let digits = Array("0123456789abcdef".utf8)
  let text = digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
  return String(decoding: text, as: UTF8.self)
}

/// The last system call's error as a failure to write `path`.
func systemFailure(_ path: String) -> Failure {
  Failure.cannotWrite(
    "\(path): \(String(cString: strerror(errno)))",
    remedy: "Check the folder's permissions and free space.")
}
