import Basics
import Crypto
import Glibc

/// `checkpoints/` of one run: which of its folders this run made, and may therefore delete.
///
/// The hidden file `.made` has a line for every checkpoint that a job of this run has written: its
/// folder's name and the SHA-256 of its `SHA256SUMS`. A folder that a user has copied in, changed
/// or added files to is no longer the run's own and stays.
package struct CheckpointFolder: Sendable {
  let path: String
  private var index: String { path + "/.made" }

  static let files = ["model.safetensors", "optimizer.safetensors", "state.json", "SHA256SUMS"]

  package func final(_ step: Int) -> String { "\(path)/\(RunFolder.stepName(step))" }
  /// Where a checkpoint is written before it is whole.
  func temporary(_ step: Int) -> String { "\(path)/.\(RunFolder.stepName(step)).new" }
  /// Where an own checkpoint of the same step waits until the new one is verified.
  private func replaced(_ step: Int) -> String { "\(path)/.\(RunFolder.stepName(step)).old" }

  /// Notes that this run is about to give `step` its final name.
  func record(_ step: Int, sums: String) throws {
    let descriptor = open(index, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw systemFailure(index) }
    defer { close(descriptor) }
    let line = Array("\(RunFolder.stepName(step)) \(CheckpointFolder.digest(sums))\n".utf8)
    let count = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    guard count == line.count else { throw systemFailure(index) }
  }

  private static func digest(_ text: String) -> String {
    hexadecimal(SHA256.hash(data: Array(text.utf8)))
  }

  /// Whether this run made what lies at `folder` under the name of `step`, and nobody changed it.
  private func isOwn(_ folder: String, step: Int) -> Bool {
    guard Set(RunFolder.entries(of: folder)).isSubset(of: Self.files),
      let sums = try? readTextFile(folder + "/SHA256SUMS", limit: 1 << 16),
      let made = try? readTextFile(index)
    else { return false }
    let line = "\(RunFolder.stepName(step)) \(CheckpointFolder.digest(sums))"
    return made.split(separator: "\n").contains { $0 == line }
  }

  /// Deletes the checkpoint of `step` where it is the run's own.
  package func remove(_ step: Int) {
    guard isOwn(final(step), step: step) else { return }
    CheckpointFolder.delete(final(step))
  }

  /// Takes the folder away with what this run has put there.
  func discard(_ steps: [Int]) {
    steps.forEach(remove)
    unlink(index)
    rmdir(path)
  }

  /// Gives a checkpoint its final name. What stood there makes way: an own checkpoint, from before
  /// a resume, until `discardReplaced`; anything else for good, under a name of its own.
  /// - Returns: where the latter is now.
  func promote(_ step: Int) throws -> String? {
    var aside: String?
    if CheckpointFolder.exists(final(step)) {
      var place = replaced(step)
      if isOwn(final(step), step: step) {
        CheckpointFolder.delete(place)
      } else {
        place = final(step) + ".aside"
        var number = 1
        while CheckpointFolder.exists(place) {
          number += 1
          place = "\(final(step)).aside-\(number)"
        }
        aside = place
      }
      if rename(final(step), place) != 0 { throw systemFailure(final(step)) }
    }
    if rename(temporary(step), final(step)) != 0 { throw systemFailure(final(step)) }
    RunFolder.syncFolder(path)
    return aside
  }

  func discardReplaced(_ step: Int) { CheckpointFolder.delete(replaced(step)) }

  /// Undoes `promote` for a checkpoint that does not read back.
  func takeBack(_ step: Int) {
    CheckpointFolder.delete(final(step))
    if CheckpointFolder.exists(replaced(step)) { rename(replaced(step), final(step)) }
  }

  /// Removes what a killed save has left, and puts back what it had moved away.
  package func cleanUp() {
    for name in RunFolder.entries(of: path) where name.hasPrefix(".step_") {
      let place = "\(path)/\(name)"
      guard Set(RunFolder.entries(of: place)).isSubset(of: Self.files) else { continue }
      let final = "\(path)/\(name.dropFirst().dropLast(4))"
      if name.hasSuffix(".old") && !CheckpointFolder.exists(final) {
        rename(place, final)
      } else if name.hasSuffix(".old") || name.hasSuffix(".new") {
        CheckpointFolder.delete(place)
      }
    }
  }

  private static func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  /// Deletes a checkpoint's files and its folder, where that is then empty. `SHA256SUMS` goes
  /// first: what is left of a killed deletion is no checkpoint.
  static func delete(_ folder: String) {
    for name in files.reversed() { unlink("\(folder)/\(name)") }
    rmdir(folder)
  }
}
