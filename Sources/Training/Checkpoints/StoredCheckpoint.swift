import Basics
import Glibc

/// A checkpoint on disk whose files have been checked against `SHA256SUMS`.
package struct StoredCheckpoint {
  package let path: String
  package let state: CheckpointState

  private static let summed = ["model.safetensors", "optimizer.safetensors", "state.json"]

  /// The text of `SHA256SUMS`, as `sha256sum --check` reads it.
  /// - Parameter digests: of the weights, the optimizer's state and the run's.
  static func sums(_ digests: [String]) -> String {
    precondition(digests.count == summed.count, "a checkpoint has \(summed.count) files")
    return zip(digests, summed).map { "\($0)  \($1)\n" }.joined()
  }

  /// - Parameter fromDisk: reads the files back from the disk, not from the kernel's memory.
  /// - Throws: `Failure.badData` naming the damaged file.
  package init(path: String, fromDisk: Bool = false) throws {
    self.path = path
    let listed = try StoredCheckpoint.text(path + "/SHA256SUMS")
    var digests: [String] = []
    for name in StoredCheckpoint.summed {
      let file = try InputFile(path: "\(path)/\(name)", followsLinks: false)
      let digest = try file.digest(fromDisk: fromDisk)
      guard listed.contains("\(digest)  \(name)\n") else {
        throw Failure.badData(
          "\(path)/\(name): its checksum is not the one in SHA256SUMS",
          remedy: "The file is damaged; resume from another checkpoint.")
      }
      digests.append(digest)
    }
    guard listed == StoredCheckpoint.sums(digests) else {
      throw Failure.badData("\(path)/SHA256SUMS: expected a line for each of the three files")
    }
    let file = path + "/state.json"
    state = try CheckpointState(decoding: readFile(file, limit: 1 << 28), path: file)
  }

  private static func text(_ path: String) throws -> String {
    let file = try InputFile(path: path, followsLinks: false)
    guard file.byteCount <= 4096 else {
      throw Failure.badData("\(path): \(file.byteCount) bytes, at most 4096 expected")
    }
    var bytes = [UInt8](repeating: 0, count: file.byteCount)
    try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// What `--resume` means: a checkpoint, and the run folder it lies in, if it lies in one.
  ///
  /// - Parameters:
  ///   - request: `latest`, `best`, `auto`, or a path of a run or a checkpoint.
  ///   - run: the folder given with `--run`.
  ///   - warn: told of a damaged checkpoint that is passed over.
  /// - Returns: nil where `auto` finds nothing to continue.
  package static func find(
    _ request: String, run: String?, warn: (String) -> Void
  ) throws -> (checkpoint: StoredCheckpoint, folder: RunFolder?)? {
    switch request {
    case "latest", "best", "auto":
      guard let run else {
        throw Failure.usage("resume: \(request) needs the run's folder", remedy: "Add --run DIR.")
      }
      let folder = RunFolder(run)
      if request == "auto" && folder.steps().isEmpty { return nil }
      let link = request == "best" ? "best" : "latest"
      return (try firstWhole(candidates(link, in: folder), of: folder, warn: warn), folder)
    default:
      // A PATH never falls back: a damaged checkpoint is an error.
      if access(request + "/SHA256SUMS", F_OK) == 0 {
        return (try StoredCheckpoint(path: request), RunFolder(ofCheckpoint: request))
      }
      guard access(request + "/checkpoints", F_OK) == 0 else {
        throw Failure.badData(
          "\(request): neither a run folder nor a checkpoint",
          remedy: "Name a folder that holds checkpoints/ or SHA256SUMS.")
      }
      let folder = RunFolder(request)
      guard let step = try candidates("latest", in: folder).first else {
        throw Failure.badData(
          "\(request): the run has no checkpoint", remedy: "Name another run or checkpoint.")
      }
      return (try StoredCheckpoint(path: folder.checkpointFolder.final(step)), folder)
    }
  }

  /// The steps to try: the one that the link names, then those before it, newest first. Where there
  /// is no link, as in a copied run, all of them.
  private static func candidates(_ link: String, in folder: RunFolder) throws -> [Int] {
    let steps = Array(folder.steps().reversed())
    guard let step = try folder.linkedStep(link) else { return steps }
    return [step] + steps.filter { $0 < step }
  }

  /// The first that is whole; a damaged one is named and passed over.
  private static func firstWhole(
    _ steps: [Int], of folder: RunFolder, warn: (String) -> Void
  ) throws -> StoredCheckpoint {
    var lastFailure = Failure.badData(
      "\(folder.path): no checkpoint to continue",
      remedy: access(folder.path, F_OK) == 0
        ? folder.withoutCheckpoint : "Start the run without --resume.")
    for step in steps {
      do {
        return try StoredCheckpoint(path: folder.checkpointFolder.final(step))
      } catch let failure as Failure {
        warn("\(failure.message); trying the checkpoint before it")
        lastFailure = failure
      }
    }
    throw lastFailure
  }
}
