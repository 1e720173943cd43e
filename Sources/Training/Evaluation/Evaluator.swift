import Basics
import DataParallel
import Datasets
import Glibc
import Graph

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
  private let metrics: ChunkMetrics
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
    metrics = ChunkMetrics(
      loss: assembler.loss, isClassification: assembler.data.description.isClassification)
    values = AlignedBuffer(count: max(1, arena.sizes.chunks))
  }

  /// Batch sizes of the chunks of `count` rows.
  package static func chunkSizes(_ count: Int, chunk: Int) -> Set<Int> {
    count == 0 ? [] : [min(chunk, count), count % chunk == 0 ? min(chunk, count) : count % chunk]
  }

  package static func chunkCount(_ count: Int, chunk: Int) -> Int { (count + chunk - 1) / chunk }

  /// Collective: every rank. Begins and ends with a barrier, so that all see the same
  /// parameters and nobody overwrites sums that another still reads.
  ///
  /// - Parameters:
  ///   - weights: nil: the parameters.
  ///   - report: counts classes too, over all ranks.
  func evaluate(
    _ rows: EvaluationRows, with weights: UnsafeMutablePointer<Float>? = nil,
    report: inout ClassReport?
  ) throws -> Evaluation {
    arena.enter(.evaluating)
    arena.barrier()
    let chunkCount = Evaluator.chunkCount(rows.count, chunk: chunkSize)
    for chunk in evenShare(chunkCount, rank: group.position, of: group.size) {
      arena.enter(.evaluating)
      let range = chunk * chunkSize..<min((chunk + 1) * chunkSize, rows.count)
      for (sample, position) in range.enumerated() {
        assembler.copy(.row(rows.row(position), rows.part), to: sample, of: plans)
      }
      let plan = try plans.evaluation(batch: range.count, parameters: weights ?? arena.parameters)
      let sums = try plan.run()
      let outputs = ChunkMetrics.Outputs(of: plan, targets: plans.targets.pointer)
      arena.chunks[chunk] = NodeArena.LeafSums(sums, metrics.sums(outputs))
      report?.add(
        outputs: outputs.values, labels: metrics.labels(outputs), rows: outputs.rows)
    }
    // Another host may have slower ranks, and as many chunks.
    arena.enter(.summing)
    try memory.gatherChunks(chunkCount, of: group.size)
    let result = figures(rows, chunkCount)
    try report?.combine(over: group)
    arena.barrier()
    return result
  }

  func evaluate(
    _ rows: EvaluationRows, with weights: UnsafeMutablePointer<Float>? = nil
  ) throws -> Evaluation {
    var report: ClassReport?
    return try evaluate(rows, with: weights, report: &report)
  }

  /// What the chunks' sums say; the same on every rank.
  private func figures(_ rows: EvaluationRows, _ chunkCount: Int) -> Evaluation {
    let weight = sum(chunkCount) { $0.weight }
    let count = sum(chunkCount) { $0.count }
    // Of a text every token that is predicted counts.
    let isText = assembler.data.description.text != nil
    var result = Evaluation(
      split: rows.split, count: isText ? Int(count) : rows.count,
      loss: sum(chunkCount) { $0.loss } / weight)
    switch metrics.kind {
    case .labels, .probabilities:
      result.accuracy = sum(chunkCount) { $0.correct } / count
      if plans.outputShape.rank > 1 && assembler.loss == .crossEntropy {
        result.perplexity = exp(result.loss)
      }
    case .values:
      result.meanAbsoluteError = sum(chunkCount) { $0.absolute } / count
      result.rootMeanSquaredError = (sum(chunkCount) { $0.squared } / count).squareRoot()
      if plans.outputCount == 1 {
        result.determination = NodeArena.LeafSums.determination(
          UnsafeBufferPointer(start: arena.chunks, count: chunkCount))
      }
    }
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
