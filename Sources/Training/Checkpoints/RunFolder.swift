import Basics
import Glibc

/// The folder of one run: `config.yaml`, `metrics.jsonl`, `checkpoints/`, the links `latest` and
/// `best`, and `model.safetensors` at the end. Used by the first rank only.
package struct RunFolder: Sendable {
  package let path: String
  /// Held as long as any copy of this value lives.
  private var lock: RunLock?
  /// Whether `create` has made it.
  private var isNew = false

  package init(_ path: String) { self.path = path }

  package var checkpoints: String { path + "/checkpoints" }
  package var checkpointFolder: CheckpointFolder { CheckpointFolder(path: checkpoints) }
  var configuration: String { path + "/config.yaml" }
  package var metrics: String { path + "/metrics.jsonl" }
  package var model: String { path + "/model.safetensors" }
  /// The running mean of the weights, where one is kept.
  package var averagedModel: String { path + "/ema.safetensors" }

  package static func stepName(_ step: Int) -> String {
    let digits = String(step)
    return "step_" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
  }

  /// Whether this program made it.
  var isRun: Bool { access(configuration, F_OK) == 0 }

  /// What to do where there is none to continue.
  var withoutCheckpoint: String {
    isRun
      ? "It has no checkpoint: name another folder with --run, or delete this one."
      : "It is no run's folder: name another with --run."
  }

  /// Whether it holds nothing but what a start leaves that was killed before its first checkpoint.
  var hasNotBegun: Bool {
    access(path + "/.", F_OK) == 0 && steps().isEmpty
      && Set(RunFolder.entries(of: path)).isSubset(of: Self.firstEntries)
  }
  private static let firstEntries: Set = [
    ".lock", "checkpoints", ".config.yaml.new", "config.yaml", "metrics.jsonl",
  ]

  /// The run that a checkpoint lies in, which outlives the checkpoint; nil for a copy elsewhere.
  init?(ofCheckpoint path: String) {
    let parts = RunFolder.resolved(path)?.split(separator: "/") ?? []
    self.init("/" + parts.dropLast(2).joined(separator: "/"))
    guard parts.dropLast().last == "checkpoints", isRun else { return nil }
  }

  /// Whether both are one folder, however it is written.
  func isSame(as other: RunFolder) -> Bool {
    guard let own = RunFolder.resolved(path) else { return false }
    return own == RunFolder.resolved(other.path)
  }

  /// Without links and dots; nil where there is nothing.
  private static func resolved(_ path: String) -> String? {
    guard let pointer = realpath(path, nil) else { return nil }
    defer { free(pointer) }
    return String(cString: pointer)
  }

  /// Makes the folder; `prepare` goes on.
  /// - Throws: `Failure.usage` where it exists, `Failure.cannotWrite` where it cannot be made.
  package mutating func create() throws {
    guard access(path, F_OK) != 0 else {
      throw Failure.usage(
        "run: \(path) exists",
        remedy: steps().isEmpty
          ? withoutCheckpoint : "Continue it with --resume latest, or name another with --run.")
    }
    var made = path.hasPrefix("/") ? "" : "."
    for part in path.split(separator: "/") {
      made += "/" + part
      if mkdir(made, 0o755) != 0 && errno != EEXIST { throw systemFailure(made) }
    }
    isNew = true
  }

  /// Takes a new folder away whose run has not begun: the next try may have the name.
  package func discard() {
    guard isNew else { return }
    checkpointFolder.discard(steps())
    for name in Self.firstEntries.union(["best"]) { unlink("\(path)/\(name)") }
    rmdir(path)
  }

  /// The folder exists: makes sure that no other job writes it, and of its inside.
  /// - Throws: `Failure.usage` naming who does, `Failure.cannotWrite`.
  package mutating func prepare() throws {
    lock = try lock ?? RunLock(folder: path)
    if mkdir(checkpoints, 0o755) != 0 && errno != EEXIST { throw systemFailure(checkpoints) }
    let probe = checkpoints + "/.probe"
    let descriptor = open(probe, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw systemFailure(checkpoints) }
    close(descriptor)
    unlink(probe)
    checkpointFolder.cleanUp()
  }

  /// `runs/MODEL-DATA-TIMESTAMP`, one that does not exist yet.
  package static func fresh(model: String, data: String) -> RunFolder {
    var now = time(nil)
    var parts = tm()
    localtime_r(&now, &parts)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let stamp =
      "\(parts.tm_year + 1900)\(two(parts.tm_mon + 1))\(two(parts.tm_mday))-"
      + "\(two(parts.tm_hour))\(two(parts.tm_min))\(two(parts.tm_sec))"
    func word(_ text: String) -> String {
      let last = text.split(separator: "/").last.map(String.init) ?? text
      return String(last.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == ".") ? $0 : "-" })
    }
    let base = "runs/\(word(model))-\(word(data))-\(stamp)"
    var path = base
    var number = 2
    while access(path, F_OK) == 0 {
      path = "\(base)-\(number)"
      number += 1
    }
    return RunFolder(path)
  }

  /// Steps with a checkpoint folder, ascending.
  package func steps() -> [Int] {
    RunFolder.entries(of: checkpoints).compactMap { RunFolder.step(of: $0) }.sorted()
  }

  private static func step(of name: some StringProtocol) -> Int? {
    guard name.hasPrefix("step_"), let step = Int(name.dropFirst(5)), stepName(step) == name
    else { return nil }
    return step
  }

  static func entries(of path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  /// Points the relative link `name` at a checkpoint, atomically.
  func link(_ name: String, toStep step: Int) throws {
    let temporary = "\(path)/.\(name).new"
    unlink(temporary)
    guard symlink("checkpoints/\(RunFolder.stepName(step))", temporary) == 0,
      rename(temporary, "\(path)/\(name)") == 0
    else { throw systemFailure("\(path)/\(name)") }
  }

  /// The step that the link `name` points at; nil where there is no such link.
  /// - Throws: `Failure.badData` for a link to anything but a checkpoint of this run.
  func linkedStep(_ name: String) throws -> Int? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = readlink("\(path)/\(name)", &buffer, buffer.count)
    guard count >= 0 else { return nil }
    let target = String(decoding: buffer.prefix(count), as: UTF8.self)
    guard target.hasPrefix("checkpoints/"), let step = RunFolder.step(of: target.dropFirst(12))
    else {
      throw Failure.badData(
        "\(path)/\(name): a link to \(target), which is no checkpoint of this run",
        remedy: "Remove the link, or name the checkpoint with --resume PATH.")
    }
    return step
  }

  static func syncFolder(_ path: String) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }
}
