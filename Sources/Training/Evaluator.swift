import Basics
import DataParallel
import Datasets
import Graph

/// A split as users and `metrics.jsonl` call it.
package enum SplitName: String, Sendable, Codable, CaseIterable { case train, val, test }

/// What an evaluation found, over `count` samples.
package struct Evaluation: Sendable, Equatable {
  package let split: SplitName
  package let count: Int
  /// Mean loss.
  package let loss: Double
  /// Classification: share of samples whose largest output is the target.
  package let accuracy: Double?
  /// Regression: mean |prediction − target|.
  package let meanAbsoluteError: Double?

  package init(
    split: SplitName, count: Int, loss: Double, accuracy: Double? = nil,
    meanAbsoluteError: Double? = nil
  ) {
    self.split = split
    self.count = count
    self.loss = loss
    self.accuracy = accuracy
    self.meanAbsoluteError = meanAbsoluteError
  }

  package func value(of monitor: RunConfiguration.Monitor) -> Double {
    switch monitor {
    case .valLoss: loss
    case .valAccuracy: accuracy ?? .nan
    }
  }
}

/// Loss and metrics of a part of the data, over fixed chunks dealt to the ranks.
///
/// The chunks do not depend on ranks or leaves and are added in chunk order, in double: the same
/// figures for any world size. Nothing is padded, dropped or counted twice.
package final class Evaluator {
  private let memory: RunMemory
  private let arena: NodeArena
  private let group: RankGroup
  private let plans: PlanCache
  private let assembler: BatchAssembler
  private let chunkSize: Int
  private let values: AlignedBuffer<Double>

  init(
    memory: RunMemory, group: RankGroup, plans: PlanCache, assembler: BatchAssembler,
    chunkSize: Int
  ) {
    self.memory = memory
    arena = memory.arena
    self.group = group
    self.plans = plans
    self.assembler = assembler
    self.chunkSize = chunkSize
    values = AlignedBuffer(count: max(1, arena.sizes.chunks))
  }

  /// Batch sizes of the chunks of `count` rows.
  package static func chunkSizes(_ count: Int, chunk: Int) -> Set<Int> {
    count == 0 ? [] : [min(chunk, count), count % chunk == 0 ? min(chunk, count) : count % chunk]
  }

  package static func chunkCount(_ count: Int, chunk: Int) -> Int { (count + chunk - 1) / chunk }

  /// Collective: every rank. Begins and ends with a barrier, so that all see the same
  /// parameters and nobody overwrites sums that another still reads.
  func evaluate(_ rows: EvaluationRows) throws -> Evaluation {
    arena.enter(.evaluating)
    try arena.barrier()
    let chunkCount = Evaluator.chunkCount(rows.count, chunk: chunkSize)
    for chunk in WorkDivision.share(chunkCount, rank: group.position, of: group.size) {
      let range = chunk * chunkSize..<min((chunk + 1) * chunkSize, rows.count)
      for (sample, position) in range.enumerated() {
        assembler.copy(.row(rows.row(position), rows.part), to: sample, of: plans)
      }
      let plan = try plans.evaluation(batch: range.count, parameters: arena.parameters)
      arena.chunks[chunk] = NodeArena.LeafSums(try plan.run())
    }
    try memory.gatherChunks(chunkCount, of: group.size)
    let weight = sum(chunkCount) { $0.weight }
    let isClassification = assembler.loss.takesClasses
    // Of a text every token that is predicted counts.
    let count = assembler.data.description.text == nil ? rows.count : Int(weight)
    let result = Evaluation(
      split: rows.split, count: count, loss: sum(chunkCount) { $0.loss } / weight,
      accuracy: isClassification ? sum(chunkCount) { $0.correct } / Double(count) : nil,
      meanAbsoluteError: isClassification ? nil : sum(chunkCount) { $0.absolute } / weight)
    try arena.barrier()
    return result
  }

  private func sum(_ count: Int, _ value: (NodeArena.LeafSums) -> Double) -> Double {
    for chunk in 0..<count { values.pointer[chunk] = value(arena.chunks[chunk]) }
    return pairwiseSum(UnsafeMutableBufferPointer(start: values.pointer, count: count))
  }
}

/// The rows an evaluation goes over.
struct EvaluationRows {
  let split: SplitName
  /// Where the rows lie: validation rows may be a share of the training part.
  let part: DatasetPart
  let count: Int
  let row: (Int) -> Int

  static func validation(_ split: DataSplit) -> EvaluationRows {
    EvaluationRows(split: .val, part: split.validationPart, count: split.validationCount) {
      split.validationRow(at: $0)
    }
  }

  static func training(_ split: DataSplit) -> EvaluationRows {
    EvaluationRows(split: .train, part: .train, count: split.trainCount) { split.trainRow(at: $0) }
  }

  static func test(_ dataset: Dataset) -> EvaluationRows {
    EvaluationRows(split: .test, part: .test, count: dataset.rows(.test)) { $0 }
  }
}
