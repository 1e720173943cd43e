import Foundation
import Testing

/// The built program under `mpirun`, judged from outside: exit code, text and files.
///
/// One suite holds all tests of this target, so that they run one after another: each starts
/// more ranks than a small machine has cores.
@Suite(.serialized)
enum Integration {}

/// The program under test.
enum Subject {
  /// What DIST_TRAIN_PROGRAM names, the release build with `launch/test`; else what SwiftPM has built
  /// beside the running test bundle.
  ///
  /// - Throws: where there is neither: a missing program fails the tests.
  static func path() throws -> String {
    let manager = FileManager.default
    let bundles = [
      try? manager.destinationOfSymbolicLink(atPath: "/proc/self/exe"),
      CommandLine.arguments.first,
    ]
    let places = bundles.compactMap { bundle in
      bundle.map {
        URL(fileURLWithPath: $0).deletingLastPathComponent()
          .appendingPathComponent("swift-dist-train").path
      }
    }
    let named = ProcessInfo.processInfo.environment["DIST_TRAIN_PROGRAM"]
    guard let path = ([named].compactMap(\.self) + places).first(where: manager.isExecutableFile)
    else { throw Missing(places: places) }
    return path
  }

  private struct Missing: Error, CustomStringConvertible {
    let places: [String]
    var description: String {
      "The program is not built: expected \(places.joined(separator: " or ")), or its path in "
        + "DIST_TRAIN_PROGRAM."
    }
  }

  /// Installed tools that prepare a test's files: `gzip`, `sha256sum`.
  ///
  /// - Returns: what the tool wrote to standard output.
  @discardableResult
  static func tool(_ words: String...) throws -> String { try tool(words) }

  @discardableResult
  static func tool(_ words: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(words.joined(separator: " ")) failed")
    return String(decoding: output, as: UTF8.self)
  }
}
