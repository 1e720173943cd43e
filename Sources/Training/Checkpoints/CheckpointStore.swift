import Basics
import CKernels
import Crypto
import DataParallel
import Glibc
package import Graph

/// Writes and reads checkpoints. Used on the first rank only.
///
/// A checkpoint is written beside its place, every file synced, the folder renamed, its parent
/// synced: under its final name it is always whole. It is then read back from the disk, and only
/// after that may older ones be deleted.
package struct CheckpointStore: Sendable {
  package let folder: RunFolder
  private let layout: ParameterLayout
  private let stateNames: [String]

  package init(folder: RunFolder, layout: ParameterLayout, stateNames: [String]) {
    self.folder = folder
    self.layout = layout
    self.stateNames = stateNames
  }

  package func image(
    parameters: UnsafeMutablePointer<Float>, state: [UnsafeMutablePointer<Float>]
  ) -> CheckpointImage {
    CheckpointImage(layout: layout, stateNames: stateNames, parameters: parameters, state: state)
  }

  /// What a save has cost, and what it had to say.
  package struct Written: Sendable {
    package var byteCount = 0
    /// Until the folder had its name and its parent was synced.
    package var writeNanoseconds: UInt64 = 0
    /// Reading it back.
    package var verifyNanoseconds: UInt64 = 0
    package var warning: String?
  }

  /// - Throws: `Failure.cannotWrite`; the checkpoints that were there are untouched.
  package func write(
    _ state: CheckpointState, _ image: CheckpointImage, retention: Retention, abandoned: [Int]
  ) throws -> Written {
    let start = ck_monotonic_ns()
    let isFinite = image.model.allSatisfy { ck_all_finite($0.data, $0.count) != 0 }
    guard isFinite else { throw Failure.diverged("the weights are not finite") }
    let checkpoints = folder.checkpointFolder
    var result = Written()
    do {
      let sums = try writeFiles(state, image, to: checkpoints.temporary(state.step), &result)
      try checkpoints.record(state.step, sums: sums)
      result.warning = try checkpoints.promote(state.step).map {
        "\(checkpoints.final(state.step)) was not of this run: it is now \($0)"
      }
    } catch {
      // Half a checkpoint helps nobody, and may be what filled the disk.
      CheckpointFolder.delete(checkpoints.temporary(state.step))
      throw error
    }
    let written = ck_monotonic_ns()
    result.writeNanoseconds = written - start
    do {
      _ = try StoredCheckpoint(path: checkpoints.final(state.step), fromDisk: true)
    } catch {
      checkpoints.takeBack(state.step)
      throw error
    }
    result.verifyNanoseconds = ck_monotonic_ns() - written
    checkpoints.discardReplaced(state.step)
    try folder.link("latest", toStep: state.step)
    if let best = state.best.first { try folder.link("best", toStep: best.step) }
    let gone = Set(abandoned).subtracting([state.step])
    let left = folder.steps().filter { !gone.contains($0) }
    for step in gone.union(retention.superfluous(left)) { checkpoints.remove(step) }
    return result
  }

  /// Writes all files of a checkpoint into a new folder. Returns the text of `SHA256SUMS`.
  private func writeFiles(
    _ state: CheckpointState, _ image: CheckpointImage, to temporary: String,
    _ result: inout Written
  ) throws -> String {
    CheckpointFolder.delete(temporary)
    if mkdir(temporary, 0o755) != 0 { throw systemFailure(temporary) }
    let json = try state.encoded()
    // Hashing wants a core about as long as writing wants the disk: both go over the same memory,
    // side by side.
    let hashing = BackgroundTask<[String]>()
    hashing.start {
      [
        Safetensors.digest(image.model), Safetensors.digest(image.optimizer),
        hexadecimal(SHA256.hash(data: json)),
      ]
    }
    // Whatever becomes of the files: nobody may change the memory before.
    defer { _ = hashing.wait() }
    func file(_ name: String, _ body: (inout FileWriter) throws -> Void) throws {
      var writer = try FileWriter(path: "\(temporary)/\(name)")
      try body(&writer)
      result.byteCount += writer.byteCount
      try writer.finish()
    }
    try file("model.safetensors") { writer in
      try Safetensors.write(image.model) { try writer.write($0) }
    }
    try file("optimizer.safetensors") { writer in
      try Safetensors.write(image.optimizer) { try writer.write($0) }
    }
    try file("state.json") { writer in try json.withUnsafeBytes { try writer.write($0) } }
    guard let digests = hashing.wait() else { preconditionFailure("nobody hashes the files") }
    let sums = StoredCheckpoint.sums(digests)
    try file("SHA256SUMS") { try $0.write(sums) }
    RunFolder.syncFolder(temporary)
    return sums
  }

  /// Writes weights as the run's result, atomically, and behind it its checksum.
  func writeModel(_ parameters: UnsafeMutablePointer<Float>, to path: String) throws {
    let entries = image(parameters: parameters, state: []).model
    try FileWriter.replace(path) { writer in
      try Safetensors.write(entries) { try writer.write($0) }
      // A result without a checksum is taken as it is, one with another's is damaged.
      ResultSum.forget(path)
    }
    try ResultSum.write(Safetensors.digest(entries), of: path)
  }

  /// Reads a checkpoint's weights, and its optimizer's state where there is a place for it.
  func load(
    _ checkpoint: StoredCheckpoint, into parameters: UnsafeMutablePointer<Float>,
    state: [UnsafeMutablePointer<Float>]? = nil
  ) throws {
    try CheckpointStore.loadWeights(
      checkpoint.path + "/model.safetensors", followsLinks: false, layout: layout,
      into: parameters)
    guard let state else { return }
    try CheckpointStore.load(
      checkpoint.path + "/optimizer.safetensors", followsLinks: false, layout: layout,
      into: zip(stateNames, state).map { ("\($0).", $1) })
  }

  /// Reads weights by name; every parameter of the model must be there, in its shape, and finite:
  /// else the first step would be the last, and nothing would say why.
  package static func loadWeights(
    _ path: String, followsLinks: Bool = true, layout: ParameterLayout,
    into parameters: UnsafeMutablePointer<Float>
  ) throws {
    try load(path, followsLinks: followsLinks, layout: layout, into: [("", parameters)])
    try requireFinite(parameters, layout, from: path)
  }

  /// Reads weights by order, for a model whose names are others; checked as `loadWeights` does.
  /// - Returns: the name in the file of each parameter.
  package static func loadWeightsInOrder(
    _ path: String, layout: ParameterLayout, into parameters: UnsafeMutablePointer<Float>
  ) throws -> [String] {
    let file = try SafetensorsFile(path: path)
    let tensors = try file.tensorsInOrder(
      for: layout.entries.map { ($0.parameter.name, $0.parameter.shape) })
    for (entry, tensor) in zip(layout.entries, tensors) {
      try file.read(tensor.name, shape: tensor.shape, into: parameters + entry.offset)
    }
    try requireFinite(parameters, layout, from: path)
    return tensors.map(\.name)
  }

  private static func requireFinite(
    _ parameters: UnsafeMutablePointer<Float>, _ layout: ParameterLayout, from path: String
  ) throws {
    for entry in layout.entries
    where ck_all_finite(parameters + entry.offset, entry.parameter.count) == 0 {
      throw Failure.badData("\(path): \(entry.parameter.name) holds a NaN or infinity")
    }
  }

  /// Fills arenas of `layout`; a tensor's name in the file is its arena's prefix and its own.
  private static func load(
    _ path: String, followsLinks: Bool, layout: ParameterLayout,
    into arenas: [(prefix: String, base: UnsafeMutablePointer<Float>)]
  ) throws {
    let file = try SafetensorsFile(path: path, followsLinks: followsLinks)
    let wanted = arenas.flatMap { prefix, base in
      CheckpointImage.entries(of: layout, prefix: prefix).map {
        (prefix + $0.parameter.name, $0.parameter.shape, base + $0.offset)
      }
    }
    try file.checkNames(wanted.map { ($0.0, $0.1) })
    for (name, shape, place) in wanted { try file.read(name, shape: shape, into: place) }
  }
}
