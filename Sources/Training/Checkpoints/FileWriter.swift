import Basics
import Crypto
import Glibc

/// A new file beside its place: written, hashed on the way, synced, then ready to be renamed.
struct FileWriter: ~Copyable {
  private let path: String
  private let descriptor: Int32
  private var hash = SHA256()

  /// - Throws: `Failure.cannotWrite`.
  init(path: String) throws {
    self.path = path
    descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw systemFailure(path) }
  }

  mutating func write(_ bytes: UnsafeRawBufferPointer) throws {
    hash.update(bufferPointer: bytes)
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

  mutating func write(_ text: String) throws {
    try Array(text.utf8).withUnsafeBytes { try write($0) }
  }

  /// Syncs the file to disk and returns its SHA-256 in hexadecimal.
  consuming func finish() throws -> String {
    if fsync(descriptor) != 0 { throw systemFailure(path) }
    return FileWriter.hexadecimal(hash.finalize())
  }

  deinit { close(descriptor) }

  /// The SHA-256 of a file that exists.
  static func digest(of path: String) throws -> String {
    hexadecimal(SHA256.hash(data: try readFile(path)))
  }

  private static func hexadecimal(_ digest: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    let text = digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return String(decoding: text, as: UTF8.self)
  }
}

/// The last system call's error as a failure to write `path`.
func systemFailure(_ path: String) -> Failure {
  Failure.cannotWrite(
    "\(path): \(String(cString: strerror(errno)))",
    remedy: "Check the folder's permissions and free space.")
}
