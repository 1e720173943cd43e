import Basics

/// How a node's sums of gradients are written for other nodes.
///
/// Whatever is left out stays at its sender and is added to the next step's sums (error feedback).
/// On one node nothing is sent, and all are the same.
package enum Compression: Sendable, Equatable, CustomStringConvertible {
  /// In float32: the same bits on any hosts.
  case none
  /// In bfloat16.
  case bf16
  /// In IEEE binary16, scaled block by block.
  case fp16
  /// Matrices as products of `rank` columns and rows.
  case powerSGD(rank: Int)

  /// `none`, `bf16`, `fp16` or `powersgd[:rank=R]`.
  /// - Throws: `Failure.usage`.
  package init(parsing text: String) throws {
    var options = try NamedOptions(parsing: text, option: "compress")
    switch options.name {
    case "none": self = .none
    case "bf16": self = .bf16
    case "fp16": self = .fp16
    case "powersgd":
      self = .powerSGD(rank: try options.count("rank", default: 4, in: 1...256))
    default:
      throw Failure.usage(
        "compress: '\(text)' is not valid",
        remedy: "Expected none, bf16, fp16 or powersgd:rank=4.")
    }
    try options.finish()
  }

  package var description: String {
    switch self {
    case .none: "none"
    case .bf16: "bf16"
    case .fp16: "fp16"
    case .powerSGD(let rank): "powersgd:rank=\(rank)"
    }
  }

  /// Of numbers that travel one by one in fewer bits.
  package var wireFormat: WireFormat? {
    switch self {
    case .bf16: .bfloat16
    case .fp16: .binary16
    case .none, .powerSGD: nil
    }
  }

  /// Bytes of a node's sums of one gradient as they are sent: once to the owners of their slices,
  /// or, as factors, to every other node.
  ///
  /// - Parameters:
  ///   - blocks: elements of each block.
  ///   - tensors: what the blocks are pieces of.
  package func sumBytes(blocks: [Range<Int>], tensors: [TensorShape]) -> Int {
    if let matrixRank {
      // One rank of a node or several: they share the tensors out.
      let plan = LowRankPlan(
        tensors, rank: matrixRank, topology: Topology(ranksOnOneHost: 1), position: 0)
      return 4 * (plan.firstCount + plan.secondCount)
    }
    return blocks.reduce(0) { bytes, block in
      bytes + (wireFormat.map { 2 * $0.wordCount(block.count) } ?? 4 * block.count)
    }
  }

  /// Of a gradient that travels as factors.
  package var matrixRank: Int? {
    if case .powerSGD(let rank) = self { rank } else { nil }
  }
}
