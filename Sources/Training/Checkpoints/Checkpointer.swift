import Basics
import CKernels
import DataParallel

/// What has become of a checkpoint.
struct SaveReport: Sendable {
  let step: Int
  /// How long the step loop stood still.
  var pauseNanoseconds: UInt64
  let outcome: Result<CheckpointStore.Written, Failure>

  var isWritten: Bool { (try? outcome.get()) != nil }

  /// From the step loop's stop to the checkpoint's last byte read back; nil for a failure.
  var seconds: Double? {
    (try? outcome.get()).map {
      Double(pauseNanoseconds + $0.writeNanoseconds + $0.verifyNanoseconds) / 1e9
    }
  }
}

/// Saves, on rank 0: gives states to a thread that writes them, one at a time, and collects what
/// became of them. The thread knows no MPI, console or metrics.
final class Checkpointer {
  private let store: CheckpointStore
  private let image: CheckpointImage
  private let task = BackgroundTask<SaveReport>()
  private let keep: Int
  private let keepEvery: Int?
  private let roundSteps: Int
  /// What is saved beside the tensors.
  private let state: (Int, Coordinator) -> CheckpointState
  /// Checkpoints after the one this run was resumed from: another branch, once this one has saved.
  private let abandoned: [Int]
  private var lastFailure: Failure?
  private(set) var hasSaved = false

  init(
    store: CheckpointStore, image: CheckpointImage, keep: Int, keepEvery: Int?, roundSteps: Int,
    firstStep: Int,
    state: @escaping (Int, Coordinator) -> CheckpointState
  ) {
    self.store = store
    self.image = image
    self.keep = keep
    self.keepEvery = keepEvery
    self.roundSteps = roundSteps
    self.state = state
    abandoned = store.folder.steps().filter { $0 > firstStep }
  }

  /// The image's memory goes when the run's does, also where a failure ends it.
  deinit { _ = task.wait() }

  var modelPath: String { store.folder.model }
  var runPath: String { store.folder.path }

  /// Starts to write what `step` steps have come to. The tensors of the image must stay as they
  /// are until the report is there.
  /// - Parameter pausedSince: when the step loop stopped for this save (CLOCK_MONOTONIC).
  func start(step: Int, coordinator: Coordinator, pausedSince: UInt64) {
    let state = state(step, coordinator)
    let retention = Retention(
      last: keep, best: state.best.map(\.step), every: keepEvery, roundSteps: roundSteps)
    let branch = hasSaved ? [] : abandoned
    let (store, image) = (store, image)
    let pause = ck_monotonic_ns() - pausedSince
    task.start {
      let outcome: Result<CheckpointStore.Written, Failure>
      do {
        outcome = .success(
          try store.write(state, image, retention: retention, abandoned: branch))
      } catch {
        outcome = .failure((error as? Failure) ?? .cannotWrite("\(error)"))
      }
      return SaveReport(step: state.step, pauseNanoseconds: pause, outcome: outcome)
    }
  }

  /// The report of a save that has ended, once.
  func collect() -> SaveReport? { note(task.collect()) }

  /// Waits for the save that is under way, if one is.
  func wait() -> SaveReport? { note(task.wait()) }

  private func note(_ report: SaveReport?) -> SaveReport? {
    switch report?.outcome {
    case .success?: hasSaved = true
    case .failure(let failure)?: lastFailure = failure
    case nil: break
    }
    return report
  }

  /// Puts a saved checkpoint's weights back into the arena.
  /// - Throws: `Failure.badData` where it is gone or damaged.
  func restore(_ step: Int, into arena: NodeArena) throws {
    let checkpoint = try StoredCheckpoint(path: store.folder.checkpointFolder.final(step))
    try store.load(checkpoint, into: arena.parameters)
  }

  /// Writes the weights as the run's result, and their running mean where there is one.
  func writeModel(
    _ parameters: UnsafeMutablePointer<Float>, average: UnsafeMutablePointer<Float>?
  ) throws {
    try store.writeModel(parameters, to: store.folder.model)
    if let average { try store.writeModel(average, to: store.folder.averagedModel) }
  }

  /// - Throws: `Failure.cannotWrite` where none of the checkpoints could be written, or none is
  ///   left: a full disk is a warning while there is still something to continue from.
  func checkOutcome() throws {
    if let lastFailure, !hasSaved || store.folder.steps().isEmpty { throw lastFailure }
  }
}
