import Foundation

/// A live process, as /proc shows it.
struct RunningProcess: CustomStringConvertible {
  let id: pid_t

  private func entry(_ name: String) -> String {
    let data = FileManager.default.contents(atPath: "/proc/\(id)/\(name)") ?? Data()
    return String(decoding: data, as: UTF8.self)
  }

  /// At most 15 characters.
  var name: String { entry("comm").trimmingCharacters(in: .newlines) }
  /// `NAME=value` of the start. A zombie has none.
  var environment: [String] { entry("environ").split(separator: "\0").map(String.init) }
  var rank: Int? { variable("OMPI_COMM_WORLD_RANK").flatMap(Int.init) }
  /// The most memory it has had so far.
  var peakKibibytes: Int? {
    let line = entry("status").split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
  }

  /// For reports of a hang: what it is and where in the kernel it waits.
  var description: String {
    let state = entry("status").split(separator: "\n").first { $0.hasPrefix("State:") } ?? ""
    return "\(name) \(id), rank \(rank ?? -1), \(state), in \(entry("wchan"))"
  }

  private func variable(_ name: String) -> String? {
    environment.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
  }

  static func all(where isWanted: (RunningProcess) -> Bool) -> [RunningProcess] {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return entries.compactMap { pid_t($0) }.sorted().map(RunningProcess.init).filter(isWanted)
  }
}
