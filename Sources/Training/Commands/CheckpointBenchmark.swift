import Basics
import CKernels
package import DataParallel
import Glibc
import Reports

/// `bench checkpoint`: what saving costs, beside plain peers of the same work in the same run.
package enum CheckpointBenchmark {
  /// Collective: every rank. Returns the line of results on the first rank.
  package static func run(
    group: RankGroup, flags: [String: String], configurationFile: String?, rounds: Int
  ) throws -> String {
    try group.agree {
      guard (1...1000).contains(rounds) else {
        throw Failure.usage("rounds: \(rounds)", remedy: "Expected 1 … 1000.")
      }
    }
    var job = try TrainingJob(group: group, flags: flags, configurationFile: configurationFile)
    let run = try job.prepare(console: Console(mode: .off, isQuiet: true), purpose: .train)
    _ = try run.trainer.trainStep()
    var saves: [SaveReport] = []
    var copies: [UInt64] = []
    var plain: [UInt64] = []
    for _ in 0..<rounds {
      try group.onFirst {
        let bytes = run.arena.savedBytes
        copies.append(bytes.copyNanoseconds())
        // Nobody pays for what the disk has still to do for the one before.
        sync()
        plain.append(try bytes.plainWriteNanoseconds(in: run.folder.path))
        sync()
      }
      if let report = try run.trainer.saveNow() { saves.append(report) }
    }
    guard group.isFirst else { return "" }
    run.folder.removeAll()
    let written = try saves.map { try $0.outcome.get() }
    let bytes = Double(written[0].byteCount)
    let pause = saves.map(\.pauseNanoseconds).median()
    let copy = copies.median()
    let write = written.map(\.writeNanoseconds).median()
    let ratios = zip(written, plain).map { Double($1) / Double($0.writeNanoseconds) }
    func rate(_ nanoseconds: UInt64) -> Double { bytes / Double(nanoseconds) * 1e3 }
    var line = ResultLine()
    line.add("workload", "\(run.configuration.model ?? "own")/\(run.configuration.data)")
    line.add("ranks", group.size)
    line.add("params", run.parameterCount)
    line.add("bytes", written[0].byteCount)
    line.add("rounds", rounds)
    line.add("pause_ms", Double(pause) / 1e6, decimals: 2)
    line.add("copy_ms", Double(copy) / 1e6, decimals: 2)
    line.add("pause_copies", Double(pause) / Double(copy), decimals: 2)
    line.add("write_mb_s", rate(write), decimals: 0)
    line.add("plain_mb_s", rate(plain.median()), decimals: 0)
    line.add("write_ratio", ratios.median(), decimals: 3)
    line.add("verify_mb_s", rate(written.map(\.verifyNanoseconds).median()), decimals: 0)
    return line.text
  }
}

/// The bytes of a checkpoint's tensors, and a second place for them.
private struct SavedBytes {
  let arrays: [UnsafeMutableBufferPointer<Float>]
  private let copy: AlignedBuffer<Float>

  init(arrays: [UnsafeMutableBufferPointer<Float>]) {
    self.arrays = arrays
    copy = AlignedBuffer(count: max(1, arrays.reduce(0) { $0 + $1.count }))
  }

  /// One thread's copy, into memory that was touched before.
  func copyNanoseconds() -> UInt64 {
    var start: UInt64 = 0
    for _ in 0..<2 {
      start = ck_monotonic_ns()
      var rest = copy.elements
      for array in arrays {
        _ = rest.update(fromContentsOf: array)
        rest = UnsafeMutableBufferPointer(rebasing: rest[array.count...])
      }
    }
    return ck_monotonic_ns() - start
  }

  /// `dd bs=1M conv=fsync`.
  func plainWriteNanoseconds(in folder: String) throws -> UInt64 {
    let path = folder + "/.plain"
    let start = ck_monotonic_ns()
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw systemFailure(path) }
    defer {
      close(descriptor)
      unlink(path)
    }
    for array in arrays {
      let bytes = UnsafeRawBufferPointer(array)
      for place in stride(from: 0, to: bytes.count, by: 1 << 20) {
        let piece = UnsafeRawBufferPointer(rebasing: bytes[place...].prefix(1 << 20))
        guard write(descriptor, piece.baseAddress, piece.count) == piece.count else {
          throw systemFailure(path)
        }
      }
    }
    guard fsync(descriptor) == 0 else { throw systemFailure(path) }
    return ck_monotonic_ns() - start
  }
}

extension NodeArena {
  fileprivate var savedBytes: SavedBytes {
    let counts = [sizes.parameters] + sizes.state.map(\.count)
    return SavedBytes(
      arrays: zip([parameters] + state, counts).map(UnsafeMutableBufferPointer.init))
  }
}

extension RunFolder {
  /// Removes what a benchmark has made.
  fileprivate func removeAll() {
    for step in steps() { CheckpointFolder.delete(checkpointFolder.final(step)) }
    for name in RunFolder.entries(of: checkpoints) { unlink("\(checkpoints)/\(name)") }
    rmdir(checkpoints)
    for name in RunFolder.entries(of: path) { unlink("\(path)/\(name)") }
    rmdir(path)
  }
}
