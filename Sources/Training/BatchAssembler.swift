import Basics
import Datasets
import Graph

/// Copies samples of the data set into a plan's features and targets.
struct BatchAssembler {
  let data: LoadedData
  let loss: Loss

  /// Row `row` of `part` becomes sample number `sample` of the batch.
  func copy(row: Int, part: DatasetPart, to sample: Int, of plans: PlanCache) {
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
