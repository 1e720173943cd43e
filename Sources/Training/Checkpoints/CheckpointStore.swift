import Basics
import DataParallel
import Glibc
package import Graph

/// Writes and reads checkpoints. Used by the first rank only.
///
/// A checkpoint is written beside its place, every file synced, the folder renamed, its parent
/// synced: under its final name it is always whole. Older ones are deleted only after the new one
/// has been read back.
package struct CheckpointStore {
  package let folder: RunFolder
  private let layout: ParameterLayout
  private let stateNames: [String]

  package init(folder: RunFolder, layout: ParameterLayout, stateNames: [String]) {
    self.folder = folder
    self.layout = layout
    self.stateNames = stateNames
  }

  /// - Throws: `Failure.cannotWrite`; the checkpoints that were there are untouched.
  func save(_ state: CheckpointState, arena: NodeArena) throws {
    let name = RunFolder.stepName(state.step)
    let temporary = "\(folder.checkpoints)/.\(name).new"
    let final = "\(folder.checkpoints)/\(name)"
    RunFolder.removeFolder(temporary)
    if mkdir(temporary, 0o755) != 0 { throw systemFailure(temporary) }

    var sums: [(name: String, digest: String)] = []
    func file(_ name: String, _ body: (inout FileWriter) throws -> Void) throws {
      var writer = try FileWriter(path: "\(temporary)/\(name)")
      try body(&writer)
      sums.append((name, try writer.finish()))
    }
    try file("model.safetensors") { writer in
      try Safetensors.write(parameterEntries(arena.parameters)) { try writer.write($0) }
    }
    try file("optimizer.safetensors") { writer in
      try Safetensors.write(stateEntries(arena)) { try writer.write($0) }
    }
    let json = try state.encoded()
    try file("state.json") { writer in try json.withUnsafeBytes { try writer.write($0) } }
    var list = try FileWriter(path: "\(temporary)/SHA256SUMS")
    for sum in sums { try list.write("\(sum.digest)  \(sum.name)\n") }
    _ = try list.finish()

    RunFolder.syncFolder(temporary)
    // A checkpoint of the same step, from before a resume, makes way and is gone at the end.
    let replaced = "\(folder.checkpoints)/.\(name).old"
    RunFolder.removeFolder(replaced)
    if access(final, F_OK) == 0 && rename(final, replaced) != 0 { throw systemFailure(final) }
    if rename(temporary, final) != 0 { throw systemFailure(final) }
    RunFolder.syncFolder(folder.checkpoints)
    _ = try StoredCheckpoint(path: final)
    RunFolder.removeFolder(replaced)
    try folder.link("latest", toStep: state.step)
    if let best = state.best.first { try folder.link("best", toStep: best.step) }
  }

  /// Deletes the checkpoints of an abandoned branch.
  func remove(_ steps: [Int]) {
    for step in steps {
      RunFolder.removeFolder("\(folder.checkpoints)/\(RunFolder.stepName(step))")
    }
  }

  /// Deletes what is neither among the last `keep` nor in `best`.
  func retain(keep: Int, best: [Int]) {
    let steps = folder.steps()
    remove(steps.dropLast(keep).filter { !best.contains($0) })
  }

  /// Writes weights as the run's result, atomically.
  func writeModel(_ parameters: UnsafeMutablePointer<Float>, to path: String) throws {
    let temporary = folder.path + "/.model.new"
    var writer = try FileWriter(path: temporary)
    try Safetensors.write(parameterEntries(parameters)) { try writer.write($0) }
    _ = try writer.finish()
    if rename(temporary, path) != 0 { throw systemFailure(path) }
    RunFolder.syncFolder(folder.path)
  }

  private func parameterEntries(
    _ parameters: UnsafeMutablePointer<Float>
  ) -> [Safetensors.Entry] {
    layout.entries.map {
      Safetensors.Entry(
        name: $0.parameter.name, shape: $0.parameter.shape,
        data: UnsafePointer(parameters + $0.offset))
    }
  }

  /// State arrays by name: `exp_avg.0.weight`.
  private func stateEntries(_ arena: NodeArena) -> [Safetensors.Entry] {
    zip(stateNames, arena.state).flatMap { state, base in
      layout.trainable.map {
        Safetensors.Entry(
          name: "\(state).\($0.parameter.name)", shape: $0.parameter.shape,
          data: UnsafePointer(base + $0.offset))
      }
    }
  }

  /// Reads a checkpoint's weights into the arena, and its optimizer state where asked.
  func load(_ checkpoint: StoredCheckpoint, into arena: NodeArena, optimizer: Bool) throws {
    try CheckpointStore.loadWeights(
      checkpoint.path + "/model.safetensors", layout: layout, into: arena.parameters)
    guard optimizer else { return }
    let file = try SafetensorsFile(path: checkpoint.path + "/optimizer.safetensors")
    for (state, base) in zip(stateNames, arena.state) {
      for entry in layout.trainable {
        let values = try file.floats(
          "\(state).\(entry.parameter.name)", shape: entry.parameter.shape)
        (base + entry.offset).update(from: values, count: values.count)
      }
    }
  }

  /// Reads weights by name; every parameter of the model must be there, in its shape.
  package static func loadWeights(
    _ path: String, layout: ParameterLayout, into parameters: UnsafeMutablePointer<Float>
  ) throws {
    let file = try SafetensorsFile(path: path)
    for entry in layout.entries {
      let values = try file.floats(entry.parameter.name, shape: entry.parameter.shape)
      (parameters + entry.offset).update(from: values, count: values.count)
    }
  }
}
