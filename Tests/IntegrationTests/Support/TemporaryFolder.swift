import Foundation
import Testing

/// A folder of a test's own, removed with all it holds.
final class TemporaryFolder {
  let path: String

  /// - Parameter isOnDisk: false takes shared memory where there is plenty, so that a test's time
  ///   is not that of a disk that is busy with something else.
  init(isOnDisk: Bool = false) throws {
    var status = statvfs()
    let hasRoom =
      statvfs("/dev/shm", &status) == 0 && status.f_bavail * status.f_frsize > 1 << 30
    let parent =
      hasRoom && !isOnDisk ? "/dev/shm" : FileManager.default.temporaryDirectory.path
    var template = Array((parent + "/dist-train-test-XXXXXX").utf8CString)
    path = try #require(mkdtemp(&template).map { String(cString: $0) })
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of `name` in this folder, whether or not there is such a file.
  func file(_ name: String) -> String { path + "/" + name }

  /// A run's folder in this folder.
  func run(_ name: String) -> RunFolder { RunFolder(path: file(name)) }

  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
    return file(name)
  }

  @discardableResult
  func write(_ name: String, _ text: String) throws -> String {
    try write(name, Array(text.utf8))
  }
}
