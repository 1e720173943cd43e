extension GradientReducer {
  /// What brings the sums of other nodes; nil where there are none.
  static func transport(
    _ division: WorkDivision, plan: ReductionPlan, exchange: NodeExchange, arena: NodeArena,
    position: Int, mode: Mode, compression: Compression, tensors: [TensorShape]
  ) -> (any SumTransport)? {
    if division.topology.nodes.count == 1 { return nil }
    if let rank = compression.matrixRank {
      return LowRankExchange(
        tensors, rank: rank, division: division, position: position, exchange: exchange,
        arena: arena)
    }
    if mode == .fast {
      return FastSums(
        division, position: position, exchange: exchange, sums: arena.gradientSlots[0])
    }
    let sums = plan.sumSlots.map { arena.gradientSlots[$0] }
    let messages: any SumMessages =
      if let format = compression.wireFormat {
        SumCompressor(
          division, position: position, format: format, sums: sums, inboxCount: plan.inboxCount)
      } else {
        FloatMessages(division, position: position, sums: sums, inboxCount: plan.inboxCount)
      }
    return OwnerSums(division, plan: plan, exchange: exchange, messages: messages)
  }

  /// Whether the owners add the nodes' sums.
  static func addsNodes(_ division: WorkDivision, _ mode: Mode, _ compression: Compression) -> Bool
  {
    division.topology.nodes.count == 1 || mode == .canonical && compression.matrixRank == nil
  }

  /// Private bytes of a rank: scratch of its leaves and what other nodes send.
  package static func byteCount(
    _ division: WorkDivision, position: Int, parameters: Int, mode: Mode, compression: Compression,
    tensors: [TensorShape]
  ) -> Int {
    let depth = division.subtrees[position].map(division.tree.scratchDepth).max() ?? 0
    let scratch = depth * parameters * 4
    if division.topology.nodes.count == 1 { return scratch }
    if let rank = compression.matrixRank {
      return scratch
        + PowerSGD.byteCount(
          tensors, rank: rank, topology: division.topology, position: position)
    }
    let plan = ReductionPlan(
      division, position: position, addsNodes: addsNodes(division, mode, compression))
    if let format = compression.wireFormat {
      return scratch
        + SumCompressor.byteCount(
          division, position: position, format: format, sumCount: plan.sumSlots.count,
          inboxCount: plan.inboxCount)
    }
    return scratch
      + FloatMessages.byteCount(division, position: position, inboxCount: plan.inboxCount)
  }
}
