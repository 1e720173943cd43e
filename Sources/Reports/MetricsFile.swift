import Basics
import Glibc
import Logging

/// `metrics.jsonl`: one object a line, appended; the file holds whole lines only.
///
/// A full disk must not stop training: lines that find no room wait in memory for the next try, and
/// those that are too many to wait are counted.
package final class MetricsFile {
  private let path: String
  private let descriptor: Int32
  private let console: Console
  /// Bytes of the file's lines.
  private var size: off_t
  /// Lines that are not in the file yet.
  private var waiting: [UInt8] = []
  private static let waitingLimit = 1 << 20
  private var lostLines = 0
  private var isFailing = false

  /// - Parameters:
  ///   - step: after which the run begins; lines of later steps are cut away first.
  ///   - console: is told of lines that cannot be written.
  /// - Throws: `Failure.cannotWrite`.
  package init(path: String, continuingAfter step: Int, console: Console) throws {
    try MetricsFile.cut(path, after: step)
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    size = lseek(descriptor, 0, SEEK_END)
    guard size >= 0 else {
      throw Failure.cannotWrite("\(path): \(String(cString: strerror(errno)))")
    }
    self.path = path
    self.console = console
  }

  deinit { close(descriptor) }

  package func write(_ line: JSONLine) {
    let bytes = Array((line.text + "\n").utf8)
    if waiting.count + bytes.count > MetricsFile.waitingLimit {
      lostLines += 1
    } else {
      waiting += bytes
    }
    let (count, error) = append(waiting)
    if count == waiting.count {
      if isFailing {
        console.logger.warning(
          "\(path): has room again; \(lostLines == 0 ? "no" : "\(lostLines)") lines are lost")
      }
      isFailing = false
    } else if !isFailing {
      console.logger.warning("\(path): \(String(cString: strerror(error))); training goes on")
      isFailing = true
    }
    waiting.removeFirst(count)
  }

  /// After the run's last line: says what is not in the file.
  package func finish() {
    let missing = lostLines + waiting.count { $0 == MetricsFile.newline }
    if missing > 0 {
      console.logger.warning("\(path): \(missing) lines could not be written and are lost")
    }
  }

  private static let newline = UInt8(ascii: "\n")

  /// Appends what there is room for, in whole lines.
  /// - Returns: how many bytes, and why not all.
  private func append(_ bytes: [UInt8]) -> (count: Int, error: Int32) {
    var written = 0
    bytes.withUnsafeBytes { buffer in
      while written < buffer.count {
        let rest = UnsafeRawBufferPointer(rebasing: buffer[written...])
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if count <= 0 { break }
        written += count
      }
    }
    let error = errno
    let whole =
      written == bytes.count
      ? written : bytes[..<written].lastIndex(of: MetricsFile.newline).map { $0 + 1 } ?? 0
    size += off_t(whole)
    // A line that is cut would be run together with the next.
    if whole < written { ftruncate(descriptor, size) }
    return (whole, error)
  }

  /// Keeps the lines up to the first that belongs to a step after `step`, or ends the run.
  private static func cut(_ path: String, after step: Int) throws {
    guard access(path, F_OK) == 0 else { return }
    let text = try readTextFile(path)
    var kept = 0
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let isWhole = line.endIndex != text.endIndex
      let isFinal =
        line.contains("\"kind\":\"end\"") || line.contains("\"split\":\"test\"")
      guard isWhole, !isFinal, (stepNumber(of: line) ?? 0) <= step else { break }
      kept += line.utf8.count + 1
    }
    guard truncate(path, off_t(kept)) == 0 else {
      throw Failure.cannotWrite("\(path): \(String(cString: strerror(errno)))")
    }
  }

  private static func stepNumber(of line: Substring) -> Int? {
    guard let key = line.firstRange(of: "\"step\":") else { return nil }
    return Int(line[key.upperBound...].prefix { $0.isNumber })
  }
}
