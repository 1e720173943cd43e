import Basics
import Crypto
import Glibc

/// A regular file that is read in pieces, so that a large one needs no second copy in memory.
final class InputFile {
  let path: String
  let byteCount: Int
  private let descriptor: Int32

  /// - Parameter followsLinks: false inside a checkpoint, whose files lie nowhere else.
  /// - Throws: `Failure.badData` where it is missing, a link, or no regular file.
  init(path: String, followsLinks: Bool = true) throws {
    self.path = path
    // Without O_NONBLOCK, opening a fifo that nobody writes would wait for ever.
    let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (followsLinks ? 0 : O_NOFOLLOW)
    descriptor = open(path, flags)
    guard descriptor >= 0 else {
      throw Failure.badData(
        errno == ELOOP && !followsLinks
          ? "\(path): a link; the files of a checkpoint lie in its folder"
          : "\(path): \(String(cString: strerror(errno)))")
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw Failure.badData("\(path): not a regular file")
    }
    byteCount = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// Fills `buffer` from the bytes at `offset`.
  /// - Throws: `Failure.badData` where the file ends before.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws {
    var filled = 0
    while filled < buffer.count {
      let count = pread(
        descriptor, buffer.baseAddress.map { $0 + filled }, buffer.count - filled,
        off_t(offset + filled))
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        throw Failure.badData(
          "\(path): ended at byte \(offset + filled), expected \(offset + buffer.count)")
      }
      filled += count
    }
  }

  /// Its SHA-256 in hexadecimal.
  /// - Parameter fromDisk: drops what the kernel holds in memory first, so that the disk answers.
  func digest(fromDisk: Bool = false) throws -> String {
    if fromDisk { posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED) }
    var hash = SHA256()
    var piece = [UInt8](repeating: 0, count: min(byteCount, 1 << 20))
    for start in stride(from: 0, to: byteCount, by: 1 << 20) {
      try piece.withUnsafeMutableBytes { buffer in
        let part = UnsafeMutableRawBufferPointer(
          rebasing: buffer[..<min(byteCount - start, 1 << 20)])
        try read(into: part, at: start)
        hash.update(bufferPointer: UnsafeRawBufferPointer(part))
      }
    }
    return hexadecimal(hash.finalize())
  }
}
