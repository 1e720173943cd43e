import Glibc

/// The whole of a regular file as bytes.
///
/// - Throws: `Failure.badData` where it is missing, no regular file, or longer than `limit`.
package func readFile(_ path: String, limit: Int = Int.max) throws -> [UInt8] {
  // Without O_NONBLOCK, opening a fifo that nobody writes would wait for ever.
  let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard descriptor >= 0 else {
    throw Failure.badData("\(path): \(String(cString: strerror(errno)))")
  }
  defer { close(descriptor) }
  var status = stat()
  guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
    throw Failure.badData("\(path): not a regular file")
  }
  let size = Int(status.st_size)
  guard size <= limit else {
    throw Failure.badData("\(path): \(size) bytes, at most \(limit) expected")
  }
  var bytes = [UInt8](repeating: 0, count: size)
  var filled = 0
  while filled < size {
    let count = bytes.withUnsafeMutableBytes { buffer in
      read(descriptor, buffer.baseAddress.map { $0 + filled }, size - filled)
    }
    if count < 0 && errno == EINTR { continue }
    guard count > 0 else {
      throw Failure.badData("\(path): ended after \(filled) of \(size) bytes while being read")
    }
    filled += count
  }
  return bytes
}

/// The whole of a UTF-8 text file.
package func readTextFile(_ path: String, limit: Int = Int.max) throws -> String {
  let bytes = try readFile(path, limit: limit)
  guard let text = String(validating: bytes, as: UTF8.self) else {
    throw Failure.badData("\(path): not UTF-8 text")
  }
  return text
}
