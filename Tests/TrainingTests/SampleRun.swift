import Basics
import Datasets
import Graph
import TestSupport
import Training

/// A run's folder with checkpoints of a small model, written without any rank.
final class SampleRun {
  let folder: TemporaryFolder
  let store: CheckpointStore
  private let arenas: [AlignedBuffer<Float>]
  private let layout = ParameterLayout([
    Parameter("0.weight", shape: [3, 5], role: .weight, initializer: .constant(1)),
    Parameter("0.bias", shape: [3], role: .bias, initializer: .constant(0)),
  ])
  private let dataset: DatasetDescription

  init() throws {
    folder = try TemporaryFolder()
    var run = RunFolder(folder.path + "/a run ü")
    try run.create()
    try run.prepare()
    store = CheckpointStore(folder: run, layout: layout, stateNames: ["exp_avg"])
    arenas = (0..<2).map { [layout] stream in
      let buffer = AlignedBuffer<Float>(count: layout.arenaCount)
      for (index, value) in randomValues(layout.arenaCount, stream: UInt64(stream)).enumerated() {
        buffer.pointer[index] = value
      }
      return buffer
    }
    dataset = try datasetSource(named: "digits", options: DataOptions()).describe()
  }

  var run: RunFolder { store.folder }
  func path(_ step: Int) -> String { run.checkpointFolder.final(step) }

  func state(_ step: Int, best: [CheckpointState.BestStep] = []) -> CheckpointState {
    CheckpointState(
      step: step, epoch: 0, samples: step, settings: ["model": "linear"], dataset: dataset,
      standardization: nil, stopping: nil, plateau: nil, skipped: 0, updates: step,
      spikes: LossSpikes(), best: best, modelFile: nil)
  }

  @discardableResult
  func write(
    _ step: Int, keep: Int = 100, best: [Int] = [], every: Int? = nil, abandoned: [Int] = []
  ) throws -> CheckpointStore.Written {
    try store.write(
      state(step, best: best.map { .init(step: $0, value: 0) }),
      store.image(parameters: arenas[0].pointer, state: [arenas[1].pointer]),
      retention: Retention(last: keep, best: best, every: every), abandoned: abandoned)
  }

  /// Makes the weights what no checkpoint may hold.
  func spoilWeights() { arenas[0].pointer[7] = .nan }
}
