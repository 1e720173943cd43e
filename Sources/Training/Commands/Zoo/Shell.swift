import Basics
import Glibc

/// Commands run one after another by the shell, as a user would type them.
enum Shell {
  /// Runs `command` and returns what it printed on standard output and standard error.
  /// - Throws: `Failure` with the last lines where its exit code is not `expected`.
  static func run(_ command: String, endsWith expected: Int32 = 0) throws -> String {
    fflush(nil)
    guard let pipe = popen("{ \(command)\n} </dev/null 2>&1", "r") else {
      throw Failure.internalError("cannot start a shell: \(String(cString: strerror(errno)))")
    }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 14)
    while true {
      let count = fread(&buffer, 1, buffer.count, pipe)
      if count == 0 { break }
      bytes += buffer[..<count]
    }
    let status = pclose(pipe)
    let output = String(decoding: bytes, as: UTF8.self)
    guard status == expected << 8 else {
      // mpirun adds ten lines of its own to what a program said.
      let tail = output.split(separator: "\n").suffix(15).joined(separator: "\n    ")
      let code = status & 0x7f == 0 ? "\((status >> 8) & 0xff)" : "signal \(status & 0x7f)"
      throw Failure.internalError("\(command)\n    ended with \(code):\n    \(tail)")
    }
    return output
  }

  /// `text` as one word of the shell.
  static func quoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
      + "'"
  }

  /// The value of `key=` in lines of `key=value` words; the last one counts.
  static func value(of key: String, in output: String) -> Double? {
    output.split(whereSeparator: \.isWhitespace).last { $0.hasPrefix(key + "=") }
      .flatMap { Double($0.dropFirst(key.count + 1)) }
  }
}
