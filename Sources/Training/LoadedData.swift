import Basics
import CKernels
package import DataParallel
package import Datasets
import FoundationEssentials
import Graph
import MPI

/// A data set in memory, once a node: its parts, its split, its standardization.
package final class LoadedData {
  package let dataset: Dataset
  package let split: DataSplit
  package let standardization: Standardization?
  package var description: DatasetDescription { dataset.description }
  private let segment: SharedSegment

  /// Collective: every rank. The node's leader looks at the files and tells the others what is
  /// in them; then all local ranks decode their part at once.
  package init(
    group: RankGroup, spec: String, options: DataOptions,
    split makeSplit: (DatasetDescription)
      throws -> DataSplit, standardize: StandardizationChoice
  ) throws {
    let source = try group.agree { try datasetSource(named: spec, options: options) }
    let leads = group.node.rank == 0
    // Sorted keys: hosts compare the bytes.
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let local = try group.agree { leads ? Array(try encoder.encode(source.describe())) : [] }
    let bytes = try group.node.broadcast(bytes: local)
    let description = try group.agree {
      try JSONDecoder().decode(DatasetDescription.self, from: Data(bytes))
    }
    let remedy = "Copy the same files to every host."
    try group.requireSame(
      "data set", LoadedData.lines(of: description, bytes), else: .badData, remedy: remedy)
    let segment = try group.agree {
      try SharedSegment(
        in: group, byteCount: description.byteCount, purpose: "the data set \(spec)")
    }
    try group.agree {
      try source.decode(
        description, part: group.node.rank, of: group.node.size, into: segment.base)
    }
    // A stale copy on one host would train on other rows.
    if group.nodeCount > 1 {
      let hash = try LoadedData.contentHash(of: segment, on: group.node)
      try group.requireSame(
        "data set", ["content \(String(hash, radix: 16))"], else: .badData, remedy: remedy)
    }
    self.segment = segment
    dataset = Dataset(description: description, base: UnsafeRawPointer(segment.base))
    split = try group.agree { try makeSplit(description) }
    standardization =
      switch standardize {
      case .none: nil
      case .stored(let stored): stored
      case .compute: try LoadedData.computeStandardization(dataset, split, group)
      }
  }

  /// What hosts compare before they decode: sizes by name, and a hash of everything.
  private static func lines(of description: DatasetDescription, _ json: [UInt8]) -> [String] {
    let rows = DatasetPart.allCases.map { "\(description.rows[$0] ?? 0) \($0.rawValue) rows" }
    return rows + [
      "\(description.sourceBytes) bytes", "description \(String(stableHash(json), radix: 16))",
    ]
  }

  /// A hash of the decoded data, each rank of the node its share of fixed chunks: the same for any
  /// number of them. Collective.
  private static func contentHash(
    of segment: SharedSegment, on node: borrowing Communicator
  ) throws -> UInt64 {
    let chunk = 1 << 20
    let count = (segment.byteCount + chunk - 1) / chunk
    var sum: UInt64 = 0
    for index in evenShare(count, rank: node.rank, of: node.size) {
      let start = index * chunk
      let values = (segment.base + start).assumingMemoryBound(to: Float.self)
      let hash = ck_hash(values, min(chunk, segment.byteCount - start) / 4)
      // An odd factor of its own for each chunk, so that their order counts.
      sum &+= hash &* UInt64(2 * index + 1)
    }
    return try node.allreduce(value: sum, .sum)
  }

  package enum StandardizationChoice {
    case none
    case compute
    case stored(Standardization)
  }

  /// Fixed chunks of the training split, dealt to all ranks and combined in chunk order: the same
  /// bits for any number of ranks.
  private static func computeStandardization(
    _ dataset: Dataset, _ split: DataSplit, _ group: RankGroup
  ) throws -> Standardization {
    let count = Moments.chunkCount(split)
    let width = 1 + 2 * dataset.featureCount
    var all = [Double](repeating: 0, count: count * width)
    for chunk in evenShare(count, rank: group.rank, of: group.size) {
      let moments = Moments(of: dataset, split, chunk: chunk).flattened
      all.replaceSubrange(chunk * width..<(chunk + 1) * width, with: moments)
    }
    // Every number is one rank's and zero elsewhere: the sum adds nothing but zeros.
    try all.withUnsafeMutableBufferPointer { try group.world.allreduce($0, .sum) }
    let chunks = (0..<count).map { Moments(flattened: all[$0 * width..<($0 + 1) * width]) }
    return Standardization(Moments.combined(chunks))
  }

  /// - Throws: `Failure.badData` naming the first target the loss has no meaning for.
  func checkTargets(for loss: Loss) throws {
    guard loss.takesProbabilities, case .values(let width) = description.target else { return }
    let values = AlignedBuffer<Float>(count: width)
    for part in DatasetPart.allCases {
      for row in 0..<dataset.rows(part) {
        dataset.copyValues(row: row, part: part, to: values.pointer)
        if let bad = values.elements.first(where: { !(0...1).contains($0) }) {
          throw Failure.badData(
            "\(description.name): \(part.rawValue) row \(row) has the target \(bad), which is no "
              + "probability", remedy: "Use a loss of values, as mse.")
        }
      }
    }
  }

  /// Copies one training or validation row, standardized where the run is.
  package func copyFeatures(row: Int, part: DatasetPart, to output: UnsafeMutablePointer<Float>) {
    dataset.copyFeatures(row: row, part: part, to: output)
    standardization?.apply(to: output)
  }
}
