import Basics
import CKernels
import Glibc
import MPI

/// Zero-filled memory that all ranks of a node share, proved to exist before anyone uses it.
///
/// An MPI shared window where `/dev/shm` has room, else a memfd opened through `/proc/PID/fd`
/// (Docker gives `/dev/shm` 64 MiB); the layout is the same. `MPI_Win_allocate_shared` on a full
/// `/dev/shm` fails on one rank while the others spin, and promised pages that are not there are
/// a SIGBUS later: so the leader asks `statvfs` first and every rank populates its share after.
package final class SharedSegment {
  package enum Backing: String, Sendable { case window, memfd }

  package let base: UnsafeMutableRawPointer
  package let byteCount: Int
  package let backing: Backing
  private var window: SharedWindow?

  /// Collective: every rank of the group's nodes. Freed by `RankGroup.freeSharedMemory`.
  /// - Parameter purpose: what an error calls it: "the gradient window".
  /// - Throws: the same `Failure` on every rank where the node has not enough memory.
  package convenience init(in group: RankGroup, byteCount: Int, purpose: String) throws {
    try self.init(on: group.node, byteCount: byteCount, purpose: purpose)
    group.register(self)
  }

  /// Collective: every rank of `node`. The caller frees it.
  init(on node: borrowing Communicator, byteCount: Int, purpose: String) throws {
    let rounded = max(byteCount, 1).roundedUp(to: pageBytes)
    self.byteCount = rounded
    let fits = try node.broadcast(value: Int32(Self.deviceShmHasRoom(rounded) ? 1 : 0)) == 1
    if fits {
      let window = try SharedWindow(on: node, byteCount: rounded + pageBytes)
      let base = window.base.alignedUp(toMultipleOf: pageBytes)
      if try Self.populate(base, byteCount: rounded, on: node) == 0 {
        // MPI promises nothing about a window's content; that of a single rank is heap memory,
        // with what lay there before.
        let share = Self.share(of: rounded, on: node)
        memset(base + share.lowerBound, 0, share.count)
        try node.barrier()
        self.base = base
        self.window = consume window
        backing = .window
        return
      }
      try window.free()
    }
    window = nil
    backing = .memfd
    base = try Self.mapMemfd(byteCount: rounded, on: node, purpose: purpose)
    let error = try Self.populate(base, byteCount: rounded, on: node)
    if error != 0 {
      throw Failure.internalError(
        "\(purpose): this host cannot provide \(rounded >> 20) MiB of shared memory: "
          + String(cString: strerror(error)),
        remedy: "Run fewer ranks a host, a smaller model, or give the job more memory.")
    }
  }

  /// Collective, see `RankGroup.freeSharedMemory`.
  func free() throws(MPIError) {
    if let window = window.take() {
      try window.free()
    } else {
      munmap(base, byteCount)
    }
  }

  private static func deviceShmHasRoom(_ bytes: Int) -> Bool {
    var status = statvfs()
    guard statvfs("/dev/shm", &status) == 0 else { return false }
    // Open MPI keeps 4 MiB of its own there for each rank; leave room for it.
    let margin = 64 << 20
    return Int(status.f_bavail) * Int(status.f_frsize) >= bytes + min(margin, bytes)
  }

  /// Every rank makes its own share of the pages exist, which also places them near it (NUMA).
  /// Returns 0, or the largest errno of any rank.
  private static func populate(
    _ base: UnsafeMutableRawPointer, byteCount: Int, on node: borrowing Communicator
  ) throws -> Int32 {
    // Huge pages where the system gives them to shared memory. Before the first touch.
    madvise(base, byteCount, MADV_HUGEPAGE)
    let share = share(of: byteCount, on: node)
    let error = share.isEmpty ? 0 : ck_populate(base + share.lowerBound, share.count)
    return try node.allreduce(value: error, .maximum)
  }

  /// The bytes that this rank makes exist.
  private static func share(of byteCount: Int, on node: borrowing Communicator) -> Range<Int> {
    let pages = evenShare(byteCount / pageBytes, rank: node.rank, of: node.size)
    return pages.lowerBound * pageBytes..<pages.upperBound * pageBytes
  }

  private static func mapMemfd(
    byteCount: Int, on node: borrowing Communicator, purpose: String
  ) throws -> UnsafeMutableRawPointer {
    let own = node.rank == 0 ? ck_memfd_create("swift-dist-train", byteCount) : -1
    let leaderProcess = try node.broadcast(value: Int(getpid()))
    let leaderDescriptor = try node.broadcast(value: own)
    let descriptor =
      node.rank == 0 ? own : open("/proc/\(leaderProcess)/fd/\(leaderDescriptor)", O_RDWR)
    let address =
      descriptor < 0
      ? MAP_FAILED : mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    let failed: Int32 = address == MAP_FAILED ? max(errno, 1) : 0
    // Nobody closes the leader's descriptor before everybody has opened it.
    let worst = try node.allreduce(value: failed, .maximum)
    if descriptor >= 0 { close(descriptor) }
    guard worst == 0, let address else {
      throw Failure.internalError(
        "\(purpose): no shared memory of \(byteCount >> 20) MiB: "
          + String(cString: strerror(worst)),
        remedy: "Enlarge /dev/shm or give the job more memory.")
    }
    return address
  }
}

extension RankGroup {
  /// Gives all shared memory back, newest first, in the same order on every rank. Collective.
  /// Nothing that lies in it may be used afterwards.
  package func freeSharedMemory() throws {
    watchdog.detach()
    while let segment = segments.popLast() { try segment.free() }
  }
}
