import Basics
import Datasets
import Graph

/// Copies samples of the data set into a plan's features and targets.
struct BatchAssembler {
  let data: LoadedData
  let loss: Loss
  let seed: UInt64

  /// One sample of a batch.
  enum Sample {
    /// A row of a part: the same whenever it is copied.
    case row(Int, DatasetPart)
    /// A window of the training text; hidden tokens are drawn for its place in the step.
    case window(start: Int, step: Int, position: Int)
  }

  /// Copies it to number `index` of the batch.
  func copy(_ sample: Sample, to index: Int, of plans: PlanCache) {
    guard let text = data.description.text else {
      if case .row(let row, let part) = sample { copy(row: row, part: part, to: index, of: plans) }
      return
    }
    let window = TokenWindow(
      text: text, vocabulary: data.description.outputCount, features: plans.features.pointer,
      targets: plans.targets.pointer, index: index)
    switch sample {
    case .row(let row, let part):
      let windows = text.windows(part)
      window.copy(data.dataset.tokens(part), start: windows.start(row: row))
      window.ignoreFirst(windows.repeated(row: row))
      window.mask(
        Philox(seed: seed, purpose: .evaluationMasking, stream: UInt64(part.order)), sample: row)
    case .window(let start, let step, let position):
      window.copy(data.dataset.tokens(.train), start: start)
      window.mask(
        Philox(seed: seed, purpose: .masking, stream: UInt64(step)), sample: position)
    }
  }

  /// Starts to bring a row's memory into the cache.
  func prefetch(_ sample: Sample) {
    if case .row(let row, let part) = sample { data.dataset.prefetch(row: row, part: part) }
  }

  private func copy(row: Int, part: DatasetPart, to sample: Int, of plans: PlanCache) {
    let width = data.dataset.featureCount
    data.copyFeatures(row: row, part: part, to: plans.features.pointer + sample * width)
    guard data.description.hasTargets else { return }
    let targets = plans.targets.pointer
    if loss.takesClasses {
      let index = data.dataset.copyClass(row: row, part: part)
      UnsafeMutableRawPointer(targets + sample).storeBytes(of: index, as: Int32.self)
    } else if case .classes(let names) = data.description.target {
      let values = targets + sample * names.count
      values.update(repeating: 0, count: names.count)
      values[Int(data.dataset.copyClass(row: row, part: part))] = 1
    } else {
      data.dataset.copyValues(row: row, part: part, to: targets + sample * plans.outputCount)
    }
  }
}
