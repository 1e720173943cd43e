import Basics
import Glibc

// Files are read(), never mapped: one that is cut short meanwhile is an error here and not a
// SIGBUS.

/// Names bytes to be read: a file or something embedded in the program.
struct Content: Sendable {
  let name: String
  private let bytes: [UInt8]?

  init(path: String) {
    name = path
    bytes = nil
  }

  init(name: String, bytes: [UInt8]) {
    self.name = name
    self.bytes = bytes
  }

  var isCompressed: Bool { name.hasSuffix(".gz") }

  /// Throws `Failure.badData` where there is no regular file that can be read.
  func open() throws -> InputBytes {
    if let bytes { return InputBytes(name: name, bytes: bytes) }
    return try InputBytes(path: name)
  }
}

/// An open file, or bytes in memory, read by position.
final class InputBytes: Sendable {
  let name: String
  let byteCount: Int
  private let descriptor: Int32
  private let bytes: [UInt8]

  fileprivate init(name: String, bytes: [UInt8]) {
    self.name = name
    self.bytes = bytes
    byteCount = bytes.count
    descriptor = -1
  }

  fileprivate init(path: String) throws {
    // O_NONBLOCK: a fifo without a writer must be refused, not waited for.
    let descriptor = path.utf8.contains(0) ? -1 : open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw Failure.badData("\(path): \(String(cString: strerror(errno)))")
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw Failure.badData("\(path): expected a regular file, found a folder, pipe or device")
    }
    self.descriptor = descriptor
    name = path
    bytes = []
    byteCount = Int(status.st_size)
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }

  /// Fills `buffer` from `offset`; fewer bytes mean the end. Throws `Failure.badData`.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    guard descriptor >= 0 else {
      let rest = bytes.dropFirst(offset).prefix(buffer.count)
      buffer.copyBytes(from: rest)
      return rest.count
    }
    var filled = 0
    while filled < buffer.count {
      let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
      let got = pread(descriptor, rest.baseAddress, rest.count, off_t(offset + filled))
      if got == 0 { break }
      if got < 0 {
        if errno == EINTR { continue }
        let reason = String(cString: strerror(errno))
        throw Failure.badData("\(name), byte \(offset + filled): \(reason)")
      }
      filled += got
    }
    return filled
  }
}

/// Whether a folder is there.
func isDirectory(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// Whether there is anything of that name.
func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
