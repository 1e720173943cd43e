import Foundation
import Testing

extension Integration {
  @Suite(.enabled(if: Hosts.arePermitted, "namespaces are not permitted here: one host only"))
  struct ReplicaTests {
    /// What broken memory does: a bit of one host's copy of a weight is not what was written
    /// there. Its owner, on the other host, sends it anew with every step.
    @Test func `Parameters that change on one host are named`() throws {
      let folder = try TemporaryFolder(isOnDisk: true)
      let run = folder.run("run")
      let hosts = try Hosts([1, 2])
      // A frozen weight is where the checkpoint says what it is.
      let recipe = [
        "--freeze", "0.weight", "--threads", "1", "--logical-ranks", "3", "--steps", "1000000",
        "--checkpoint-every", "200st", "--eval-every", "100000st", "--quiet",
      ]
      let job = try Job(ranks: 3, recipe + run.option, prefix: hosts.prefix)
      try job.wait { run.entries().contains("latest") }
      let weight = try #require(
        Weights(run.path + "/latest/model.safetensors").tensors["0.weight"]?.values)
      let process = try #require(job.ranks.first { $0.rank == 2 })
      let memory = try ProcessMemory(process.id)
      let places = try memory.shared(holding: weight.prefix(64).flatMap(\.bytes))
      try #require(places.count == 1, "one copy of the parameters a host: \(places)")
      // Written over and over: the next step brings the right bits back.
      let limit = ContinuousClock.now + .seconds(30)
      while !job.hasEnded() && ContinuousClock.now < limit {
        for _ in 0..<1000 { memory.write((weight[0] + 1).bytes, at: places[0]) }
      }
      let outcome = try job.finish(timeout: 20)
      #expect(outcome.code == 70, "\(outcome)")
      #expect(outcome.messages.count == 1, "\(outcome)")
      #expect(outcome.stderr.contains("0.weight on host n2 is not what it is on host n1"))
    }
  }
}

/// The memory of a running process, through /proc.
private final class ProcessMemory {
  private let descriptor: Int32
  private let maps: String

  init(_ process: pid_t) throws {
    descriptor = open("/proc/\(process)/mem", O_RDWR)
    maps = try String(contentsOfFile: "/proc/\(process)/maps", encoding: .utf8)
    try #require(descriptor >= 0, "\(String(cString: strerror(errno)))")
  }

  deinit { close(descriptor) }

  /// Addresses of `pattern` in memory that the process shares with others.
  func shared(holding pattern: [UInt8]) throws -> [Int] {
    var result: [Int] = []
    for line in maps.split(separator: "\n") {
      let words = line.split(separator: " ", omittingEmptySubsequences: true)
      guard words.count > 1, words[1] == "rw-s" else { continue }
      let borders = words[0].split(separator: "-").compactMap { Int($0, radix: 16) }
      var bytes = [UInt8](repeating: 0, count: borders[1] - borders[0])
      let count = pread(descriptor, &bytes, bytes.count, off_t(borders[0]))
      var rest = Data(bytes.prefix(max(0, count)))[...]
      while let found = rest.range(of: Data(pattern)) {
        result.append(borders[0] + found.lowerBound)
        rest = rest[found.upperBound...]
      }
    }
    return result
  }

  func write(_ bytes: [UInt8], at address: Int) {
    var bytes = bytes
    _ = pwrite(descriptor, &bytes, bytes.count, off_t(address))
  }
}

extension Float {
  fileprivate var bytes: [UInt8] { withUnsafeBytes(of: self, Array.init) }
}
