package import Basics
import DataParallel
package import Graph
package import Models

/// The plans of one run by batch size and purpose, over one set of private memories.
///
/// All plans are made before the first step; only one runs at a time, so they share the features,
/// the targets and the workspace.
package final class PlanCache {
  private struct Key: Hashable {
    let batch: Int
    let isTraining: Bool
  }

  package let layout: ParameterLayout
  /// The model's result for one sample.
  package let outputShape: Shape
  package var outputCount: Int { outputShape.count }
  package private(set) var features = AlignedBuffer<Float>(count: 0)
  package private(set) var targets = AlignedBuffer<Float>(count: 0)
  private var workspace = AlignedBuffer<Float>(count: 0)
  private let counts: (features: Int, targets: Int, workspace: Int)
  private var plans: [Key: Plan] = [:]
  private let description: Plan

  /// - Parameters:
  ///   - sampleShape: features of one sample.
  ///   - vocabulary: where they are tokens.
  ///   - training: batch sizes of the leaves this rank computes.
  ///   - evaluation: batch sizes of the evaluation chunks.
  /// - Throws: `Failure` where the model does not fit the data.
  package init(
    model: any Model, sampleShape: [Int], vocabulary: Int? = nil, loss: Loss, engine: ComputeEngine,
    training: Set<Int>,
    evaluation: Set<Int>
  ) throws {
    func plan(_ batch: Int, _ mode: Plan.Mode) throws -> Plan {
      try Plan(
        input: Shape([batch] + sampleShape), vocabulary: vocabulary, loss: loss, mode: mode,
        engine: engine, keepsOutput: false, model: { model($0) })
    }
    for batch in training where batch > 0 {
      plans[Key(batch: batch, isTraining: true)] = try plan(batch, .training)
    }
    for batch in evaluation where batch > 0 {
      plans[Key(batch: batch, isTraining: false)] = try plan(batch, .evaluation)
    }
    // The largest of training stands for all; a rank without leaves still needs the layout.
    let largest = plans.max {
      ($0.key.isTraining ? 1 : 0, $0.key.batch) < ($1.key.isTraining ? 1 : 0, $1.key.batch)
    }
    description = try largest?.value ?? plan(1, .evaluation)
    layout = description.layout
    outputShape = Shape(Array(description.outputShape.extents.dropFirst()))
    counts = (
      plans.values.map(\.featureCount).max() ?? 0, plans.values.map(\.targetCount).max() ?? 0,
      plans.values.map(\.workspaceCount).max() ?? 0
    )
  }

  /// Private bytes of this rank.
  package var byteCount: Int { (counts.features + counts.targets + counts.workspace) * 4 }

  /// Takes the memory, once it is known that there is enough. Plans run only after this.
  package func allocate() {
    features = AlignedBuffer(count: counts.features)
    targets = AlignedBuffer(count: counts.targets)
    workspace = AlignedBuffer(count: counts.workspace)
  }

  package var steps: [Plan.Step] { description.steps }

  /// The plan for `batch` samples, bound to this rank's memories.
  package func training(
    batch: Int, parameters: UnsafeMutablePointer<Float>, gradients: UnsafeMutablePointer<Float>
  ) throws -> Plan {
    try bound(Key(batch: batch, isTraining: true), parameters, gradients)
  }

  /// Takes the time of every kernel of training from now on.
  package func startTimes() { for plan in trainingPlans { plan.startTimes() } }

  /// What the kernels of training took since then.
  package var times: [KernelTime] { trainingPlans.flatMap(\.times) }

  /// The most gradients that become final at once.
  package var largestFinalPiece: Int { trainingPlans.map(\.largestFinalPiece).max() ?? 0 }

  private var trainingPlans: [Plan] { plans.compactMap { $0.key.isTraining ? $0.value : nil } }

  package func evaluation(batch: Int, parameters: UnsafeMutablePointer<Float>) throws -> Plan {
    try bound(Key(batch: batch, isTraining: false), parameters, nil)
  }

  private func bound(
    _ key: Key, _ parameters: UnsafeMutablePointer<Float>,
    _ gradients: UnsafeMutablePointer<Float>?
  ) throws -> Plan {
    guard let plan = plans[key] else {
      throw Failure.internalError("no plan for a batch of \(key.batch)")
    }
    plan.bind(
      features: features.pointer, targets: targets.pointer, parameters: parameters,
      gradients: gradients, workspace: workspace.pointer)
    return plan
  }
}
