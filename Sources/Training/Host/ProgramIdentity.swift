import Basics
import CKernels
import DataParallel
import Glibc
import MPI

/// Which program a rank runs, and with which libraries.
enum ProgramIdentity {
  /// Equal where two ranks run the same. Collective: every rank.
  ///
  /// Ranks of one host that run one file need not read it; of several hosts each reads its own.
  static func lines(_ group: RankGroup) throws -> [String] {
    let file = fileIdentity()
    let files = try group.world.allgather(value: file)
    let isOneFile = group.nodeCount == 1 && files.allSatisfy { $0 == file }
    let libraries = Version.lines.prefix(4)
    if isOneFile { return Array(libraries) }
    return libraries + ["executable \(String(contentHash(), radix: 16))"]
  }

  private static let path = "/proc/self/exe"

  /// Device and number of the file, which mean something on one host.
  private static func fileIdentity() -> UInt64 {
    var status = stat()
    guard stat(path, &status) == 0 else { return 0 }
    return stableHash("\(status.st_dev) \(status.st_ino)")
  }

  private static func contentHash() -> UInt64 {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return 0 }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_size > 0 else { return 0 }
    let count = Int(status.st_size)
    guard let bytes = mmap(nil, count, PROT_READ, MAP_PRIVATE | MAP_POPULATE, descriptor, 0),
      bytes != MAP_FAILED
    else { return 0 }
    defer { munmap(bytes, count) }
    // The rest of the last page is zeros.
    return ck_hash(bytes.assumingMemoryBound(to: Float.self), (count + 3) / 4)
  }
}
