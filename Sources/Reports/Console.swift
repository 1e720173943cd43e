import Glibc
package import Logging

/// What rank 0 says to a person, on standard error: one progress line that rewrites itself on a
/// terminal, plain lines elsewhere.
///
/// Open MPI gives a rank a pseudo terminal on stdout and a pipe on stderr, so `isatty` in a rank
/// says nothing: the launcher's own stderr is asked through `/proc/PPID/fd/2`.
///
/// Used by one thread only, the one that calls MPI.
package final class Console: @unchecked Sendable {
  package enum Mode: String, Sendable, CaseIterable { case auto, on, off }

  /// Whether the progress line rewrites itself.
  package let isTerminal: Bool
  private let isQuiet: Bool
  private var hasOpenLine = false
  private var lastDraw: UInt64 = 0

  package init(mode: Mode, isQuiet: Bool) {
    self.isQuiet = isQuiet
    isTerminal = mode == .on || (mode == .auto && Console.launcherHasTerminal())
  }

  /// A line that stays.
  package func line(_ text: String) {
    if isQuiet { return }
    write((hasOpenLine ? "\r\u{1B}[K" : "") + Console.printable(text) + "\n")
    hasOpenLine = false
  }

  /// For warnings, which are shown even where `--quiet` is set.
  package private(set) lazy var logger = Logger(label: "swift-dist-train") { _ in
    ConsoleLogHandler(console: self)
  }

  /// A log line, above the progress line.
  fileprivate func log(_ text: String) {
    write((hasOpenLine ? "\r\u{1B}[K" : "") + Console.printable(text) + "\n")
    hasOpenLine = false
  }

  /// The progress of the moment: on a terminal at most ten times a second on one line that
  /// rewrites itself, elsewhere a line every ten seconds.
  package func progress(_ text: @autoclosure () -> String) {
    if isQuiet { return }
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    let milliseconds = UInt64(now.tv_sec) * 1000 + UInt64(now.tv_nsec) / 1_000_000
    if lastDraw == 0 && !isTerminal { lastDraw = milliseconds }
    guard milliseconds - lastDraw >= (isTerminal ? 100 : 10_000) else { return }
    lastDraw = milliseconds
    if isTerminal {
      write("\r\u{1B}[K" + Console.printable(text()))
      hasOpenLine = true
    } else {
      line(text())
    }
  }

  /// Ends an open progress line.
  package func finish() {
    if hasOpenLine { write("\r\u{1B}[K") }
    hasOpenLine = false
  }

  private static func launcherHasTerminal() -> Bool {
    if isatty(2) == 1 { return true }
    let descriptor = open("/proc/\(getppid())/fd/2", O_WRONLY | O_NOCTTY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return isatty(descriptor) == 1
  }

  /// Text from files and options with control characters made visible.
  package static func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { $0.value < 32 && $0 != "\n" }) else { return text }
    return String(
      text.unicodeScalars.map { scalar in
        scalar.value < 32 && scalar != "\n" ? "?" : Character(scalar)
      })
  }

  private func write(_ text: String) {
    // A closed or full stderr must not stop a training run: the result is not looked at.
    var bytes = Array(text.utf8)
    _ = bytes.withUnsafeMutableBytes { Glibc.write(2, $0.baseAddress, $0.count) }
  }
}

/// swift-log's lines through the console: `warning: text key=value`.
private struct ConsoleLogHandler: LogHandler {
  let console: Console
  var logLevel = Logger.Level.notice
  var metadata: Logger.Metadata = [:]

  init(console: Console) { self.console = console }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let all = metadata.merging(event.metadata ?? [:]) { $1 }
    let pairs = all.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    console.log("\(event.level): \(event.message)\(pairs)")
  }
}
