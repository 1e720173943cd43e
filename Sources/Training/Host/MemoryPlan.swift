import Basics
import Glibc
import Reports

/// The memory a run needs on this node, known before the first step.
package struct MemoryPlan: Sendable {
  /// Private bytes of one rank: batches, activations, gradient scratch.
  package let rankBytes: Int
  package let localRanks: Int
  /// Shared by the node's ranks: parameters, optimizer state, gradient slots.
  package let windowBytes: Int
  /// Shared by the node's ranks: the copy from which checkpoints are written.
  package let stagingBytes: Int
  /// Shared by the node's ranks: the decoded data set, already in memory.
  package let dataBytes: Int

  package var newBytes: Int { rankBytes * localRanks + windowBytes + stagingBytes }

  package var description: String {
    "\(Format.bytes(rankBytes)) a rank × \(localRanks) + \(Format.bytes(windowBytes)) window + "
      + (stagingBytes > 0 ? "\(Format.bytes(stagingBytes)) checkpoint copy + " : "")
      + "\(Format.bytes(dataBytes)) data"
  }

  /// - Throws: `Failure.usage` where the host has less than the plan needs.
  package func check() throws {
    guard let available = MemoryPlan.availableBytes(), newBytes > available else { return }
    throw Failure.usage(
      "memory: this run needs \(description), and \(Format.bytes(available)) are available",
      remedy: "Use fewer ranks a host, a smaller batch or model, or ask the batch system for more.")
  }

  /// Refuses a model whose weights and gradients alone do not fit, before anything is made of it.
  package static func check(parameters: Int) throws {
    guard let available = availableBytes(), parameters > available / 8 else { return }
    throw Failure.usage(
      "memory: \(Format.grouped(parameters)) parameters with their gradients need "
        + "\(Format.bytes(parameters * 8)), and \(Format.bytes(available)) are available",
      remedy: "Use a smaller model.")
  }

  /// The least of what the kernel calls available and what the cgroups leave.
  package static func availableBytes() -> Int? {
    var limits: [Int] = []
    if let text = try? virtualFile("/proc/meminfo"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") }),
      let kibibytes = Int(line.split(separator: " ").dropFirst().first ?? "")
    {
      limits.append(kibibytes << 10)
    }
    for (limit, usage) in [
      ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
      (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes"
      ),
    ] {
      guard let most = try? Int(virtualFile(limit).prefix { $0.isNumber }),
        let used = try? Int(virtualFile(usage).prefix { $0.isNumber })
      else { continue }
      limits.append(max(0, most - used))
    }
    return limits.min()
  }

  /// A file of /proc or /sys, whose size says nothing.
  private static func virtualFile(_ path: String) throws -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure.internalError("\(path): cannot be read") }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 16384)
    let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }
}
