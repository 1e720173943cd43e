import Basics
import Glibc

/// A checkpoint on disk whose files have been checked against `SHA256SUMS`.
package struct StoredCheckpoint {
  package let path: String
  package let state: CheckpointState

  /// - Throws: `Failure.badData` naming the damaged file.
  package init(path: String) throws {
    self.path = path
    let sums = try readTextFile(path + "/SHA256SUMS", limit: 1 << 16)
    var listed: Set<String> = []
    for line in sums.split(separator: "\n") {
      let fields = line.split(separator: " ", maxSplits: 1).map(String.init)
      let name = fields.count == 2 ? String(fields[1].drop { $0 == " " }) : ""
      guard ["model.safetensors", "optimizer.safetensors", "state.json"].contains(name) else {
        throw Failure.badData("\(path)/SHA256SUMS: unexpected line '\(line)'")
      }
      guard try FileWriter.digest(of: "\(path)/\(name)") == fields[0] else {
        throw Failure.badData(
          "\(path)/\(name): its checksum is not the one in SHA256SUMS",
          remedy: "The file is damaged; resume from another checkpoint.")
      }
      listed.insert(name)
    }
    guard listed.count == 3 else {
      throw Failure.badData("\(path)/SHA256SUMS: lists \(listed.count) of 3 files")
    }
    state = try CheckpointState(
      decoding: readFile(path + "/state.json"), path: path + "/state.json")
  }

  /// What `--resume` means: a checkpoint, and the run folder it lies in.
  ///
  /// - Parameters:
  ///   - request: `latest`, `best`, `auto`, or a path of a run or a checkpoint.
  ///   - run: the folder given with `--run`.
  ///   - warn: told of a damaged checkpoint that is passed over.
  /// - Returns: nil where `auto` finds nothing to continue.
  package static func find(
    _ request: String, run: String?, warn: (String) -> Void
  ) throws -> (checkpoint: StoredCheckpoint, folder: RunFolder)? {
    switch request {
    case "latest", "best", "auto":
      guard let run else {
        throw Failure.usage("resume: \(request) needs the run's folder", remedy: "Add --run DIR.")
      }
      let folder = RunFolder(run)
      if request == "auto" && folder.steps().isEmpty { return nil }
      if request == "best" { return (try StoredCheckpoint(path: run + "/best"), folder) }
      return (try newest(in: folder, warn: warn), folder)
    default:
      // A PATH never falls back: a damaged checkpoint is an error.
      if access(request + "/SHA256SUMS", F_OK) == 0 {
        return (try StoredCheckpoint(path: request), RunFolder("\(request)/../.."))
      }
      guard access(request + "/checkpoints", F_OK) == 0 else {
        throw Failure.badData(
          "\(request): neither a run folder nor a checkpoint",
          remedy: "Name a folder that holds checkpoints/ or SHA256SUMS.")
      }
      let folder = RunFolder(request)
      guard let step = folder.steps().last else {
        throw Failure.badData("\(request): the run has no checkpoint")
      }
      let path = "\(folder.checkpoints)/\(RunFolder.stepName(step))"
      return (try StoredCheckpoint(path: path), folder)
    }
  }

  /// The newest checkpoint that is whole; a damaged one is named and passed over.
  private static func newest(
    in folder: RunFolder, warn: (String) -> Void
  ) throws -> StoredCheckpoint {
    var lastFailure = Failure.badData(
      "\(folder.path): no checkpoint to take", remedy: "Start the run without --resume.")
    for step in folder.steps().reversed() {
      do {
        return try StoredCheckpoint(path: "\(folder.checkpoints)/\(RunFolder.stepName(step))")
      } catch let failure as Failure {
        warn("\(failure.message); trying the checkpoint before it")
        lastFailure = failure
      }
    }
    throw lastFailure
  }
}
