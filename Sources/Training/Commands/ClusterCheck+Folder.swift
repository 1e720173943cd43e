import Basics
import CKernels
import DataParallel
import FoundationEssentials
import Glibc
import MPI

extension ClusterCheck {
  /// How long a network's file system may hide what another host has just written.
  private static let visibleWithin = 5.0

  /// Whether every rank sees what the first one writes in the current folder: runs go there, and
  /// data and configurations are looked for there.
  mutating func folder() throws {
    let token = "\(getpid()) \(ck_monotonic_ns())"
    let bytes = try group.world.broadcast(bytes: Array(token.utf8))
    let expected = String(decoding: bytes, as: UTF8.self)
    let path = ".swift-dist-train-check-\(expected.prefix { $0 != " " })"
    var problem: String?
    if group.isFirst {
      do { try expected.write(toFile: path, atomically: false, encoding: .utf8) } catch {
        problem = "cannot write there"
      }
    }
    try group.world.barrier()
    let start = ck_monotonic_ns()
    while problem == nil, (try? String(contentsOfFile: path, encoding: .utf8)) != expected {
      if Double(ck_monotonic_ns() - start) / 1e9 > Self.visibleWithin {
        problem = "what rank 0 writes is not seen: data and --config must be on each host"
      }
      usleep(10_000)
    }
    try group.world.barrier()
    if group.isFirst { unlink(path) }
    let here = FileManager.default.currentDirectoryPath
    try record("one folder", problem == nil, here + (problem.map { ": \($0)" } ?? ""))
  }
}
