import CBuildInfo
import FoundationEssentials
import Glibc
import Graph
import MPI

/// What the bits of a run depend on beside its configuration, and what `--version` prints.
package struct Platform: Codable, Sendable, Equatable {
  package var program: String
  package var oneDNN: String
  package var instructionSet: String
  package var processor: String

  package static let current = Platform(
    program: Version.number, oneDNN: ComputeEngine.version,
    instructionSet: ComputeEngine.instructionSet, processor: processorModel())

  /// What differs from `other`, for one line of warning.
  package func differences(from other: Platform) -> [String] {
    [
      ("program", program, other.program), ("oneDNN", oneDNN, other.oneDNN),
      ("instruction set", instructionSet, other.instructionSet),
      ("processor", processor, other.processor),
    ].compactMap { $0.1 == $0.2 ? nil : "\($0.0) \($0.2) → \($0.1)" }
  }

  private static func processorModel() -> String {
    guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("model name") }),
      let colon = line.firstIndex(of: ":")
    else { return "unknown" }
    return String(line[line.index(after: colon)...].drop { $0 == " " })
  }
}

/// The program's own version.
package enum Version {
  package static let number = "0.1.0"

  /// The lines of `--version`.
  package static var lines: [String] {
    let library = MPIRuntime.libraryVersion.split(separator: ",").first.map(String.init) ?? "?"
    return [
      "swift-dist-train \(number)\(commit.isEmpty ? "" : " (\(commit))")",
      "Swift \(swiftVersion)", library.replacing("\u{0}", with: ""),
      "oneDNN \(ComputeEngine.version)",
      "instruction set \(ComputeEngine.instructionSet) on \(Platform.current.processor)",
    ]
  }

  private static var commit: String { String(cString: build_commit()) }

  private static var swiftVersion: String {
    #if compiler(>=6.4)
      "6.4 or later"
    #elseif compiler(>=6.3)
      "6.3"
    #elseif compiler(>=6.2)
      "6.2"
    #else
      "6.1"
    #endif
  }
}
