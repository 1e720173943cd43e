import Foundation
import Testing

/// Several hosts on this machine; see `Tests/Hosts/hosts`.
final class Hosts {
  private let folder: TemporaryFolder
  private let script: String
  private var directory: String { folder.file("hosts") }

  private static let script = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Hosts/hosts").path

  /// Whether this machine lets us make hosts.
  static let arePermitted = (try? Hosts([1])) != nil

  /// - Parameter slots: ranks of each host.
  init(_ slots: [Int]) throws {
    // A host has a /dev/shm of its own.
    folder = try TemporaryFolder(isOnDisk: true)
    script = Self.script
    do {
      try Subject.tool([script, "up", directory] + slots.map(String.init))
    } catch {
      try? FileManager.default.removeItem(atPath: directory)
      throw error
    }
  }

  deinit { _ = try? Subject.tool([script, "down", directory]) }

  /// Words that start an `mpirun` on the first host, for `Job`.
  var prefix: [String] { [script, "run", directory] }

  func cut(_ host: String) throws { try Subject.tool([script, "cut", directory, host]) }
}
