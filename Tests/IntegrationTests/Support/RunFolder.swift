import Foundation
import Testing

/// A run's folder, read as a user's script would.
struct RunFolder {
  let path: String

  var model: String { path + "/model.safetensors" }

  /// `--run` and its value.
  var option: [String] { ["--run", path] }

  func checkpoint(_ step: Int) -> String {
    let digits = String(step)
    return path + "/checkpoints/step_" + String(repeating: "0", count: 8 - digits.count) + digits
  }

  /// Steps that have a checkpoint.
  var steps: [Int] {
    entries("checkpoints").filter { $0.hasPrefix("step_") }.compactMap { Int($0.dropFirst(5)) }
  }

  /// Sorted names in a folder of this folder, hidden ones too.
  func entries(_ folder: String = "") -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path + "/" + folder)) ?? []).sorted()
  }

  /// The files that must be equal where two runs did the same arithmetic, by digest.
  ///
  /// `model` holds the result; a checkpoint the weights and the optimizer's state at its step.
  func digest(_ file: String = "model.safetensors") throws -> String {
    try sha256(of: path + "/" + file)
  }

  /// Digests of every kept checkpoint's files, by name.
  func checkpointDigests() throws -> [String: String] {
    var result: [String: String] = [:]
    for step in steps {
      let folder = checkpoint(step)
      for name in ["model.safetensors", "optimizer.safetensors", "state.json"] {
        result["\(step)/\(name)"] = try sha256(of: folder + "/" + name)
      }
    }
    return result
  }

  /// The objects of `metrics.jsonl`, all or those of a kind.
  func metrics(_ kind: String? = nil) throws -> [Metrics] {
    let text = try String(contentsOfFile: path + "/metrics.jsonl", encoding: .utf8)
    try #require(text.hasSuffix("\n"), "the last line is cut")
    return try text.split(separator: "\n").map { try Metrics(line: String($0)) }
      .filter { kind == nil || $0.kind == kind }
  }
}

/// One line of `metrics.jsonl`.
struct Metrics {
  let line: String
  let object: [String: Any]

  init(line: String) throws {
    self.line = line
    let json = try JSONSerialization.jsonObject(with: Data(line.utf8))
    object = try #require(json as? [String: Any], "\(line)")
  }

  var kind: String? { object["kind"] as? String }
  var step: Int? { object["step"] as? Int }
  func number(_ key: String) throws -> Double { try #require(object[key] as? Double, "\(line)") }
  func text(_ key: String) throws -> String { try #require(object[key] as? String, "\(line)") }

  /// A number as it is written.
  func literal(_ key: String) throws -> String {
    let start = try #require(line.range(of: "\"\(key)\":"), "\(line)")
    return String(line[start.upperBound...].prefix { $0 != "," && $0 != "}" })
  }
}

func sha256(of path: String) throws -> String {
  String(try Subject.tool("sha256sum", path).prefix(64))
}
