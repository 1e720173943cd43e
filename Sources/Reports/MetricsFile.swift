import Basics
import Glibc

/// `metrics.jsonl`: one object a line, appended; a line is written whole.
package final class MetricsFile {
  private let descriptor: Int32

  /// - Parameter step: after which the run begins; lines of later steps are cut away first.
  /// - Throws: `Failure.cannotWrite`.
  package init(path: String, continuingAfter step: Int) throws {
    try MetricsFile.cut(path, after: step)
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw Failure.cannotWrite("\(path): \(String(cString: strerror(errno)))")
    }
  }

  deinit { close(descriptor) }

  package func write(_ line: JSONLine) {
    // A full disk must not stop training: the run ends with 73 if no checkpoint can be written.
    let bytes = Array((line.text + "\n").utf8)
    _ = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
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
