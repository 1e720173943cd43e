import DataParallel
package import Graph
package import Optimizers

/// What an update does to gradient and parameters beside the optimizer's formula, worked out once
/// for every parameter of the model.
package struct UpdateRules: Sendable {
  /// One parameter's part.
  package struct Entry: Sendable, Equatable {
    package var isPenalized = false
    package var isFrozen = false
    package var weightDecay = 0.0
    package var rateFactor = 1.0
    /// Whether the rows are held to `maxNorm`.
    package var isConstrained = false
  }

  package let entries: [Entry]
  package let penalty: Penalty
  package let clipping: Clipping
  /// Most that the 2-norm of a weight's row, the weights into one unit, may be.
  package let maxNorm: Double?
  /// Decay of the running mean of the parameters.
  package let averageDecay: Double?
  package let seed: UInt64

  /// - Throws: `Failure.usage` for a group that fits no parameter.
  package init(
    _ configuration: RunConfiguration, layout: ParameterLayout, weightDecay: Double
  ) throws {
    let groups = configuration.allGroups
    try ParameterGroup.check(groups, names: layout.entries.map(\.parameter.name))
    entries = layout.entries.map { entry in
      let parameter = entry.parameter
      var result = Entry()
      result.isPenalized = parameter.role == .weight
      result.isConstrained =
        configuration.maxNorm != nil && parameter.role == .weight && parameter.shape.count > 1
      result.weightDecay = configuration.decayExclude.contains(parameter.role) ? 0 : weightDecay
      for group in groups where group.matches(parameter.name) {
        result.weightDecay = group.weightDecay ?? result.weightDecay
        result.rateFactor = group.rateFactor ?? result.rateFactor
        result.isFrozen = group.isFrozen ?? result.isFrozen
      }
      // No optimizer moves a running statistic: it follows the batches.
      if parameter.statistic != nil { result = Entry(isFrozen: true) }
      return result
    }
    penalty = configuration.penalty
    clipping = configuration.clipping
    maxNorm = configuration.maxNorm
    averageDecay = configuration.averages ? configuration.averageDecay : nil
    seed = configuration.seed
  }
}

extension RunConfiguration {
  /// `--param-group` in order, then `--freeze`.
  package var allGroups: [ParameterGroup] {
    parameterGroups + freeze.map { ParameterGroup(pattern: $0, isFrozen: true) }
  }

  /// Names of the state arrays: the optimizer's, and the average of the parameters.
  package func stateNames(of optimizer: any Optimizer) -> [String] {
    optimizer.stateNames + (averages ? ["ema"] : [])
  }

  /// Where the state arrays lie on a node. The average of the parameters is evaluated, and so
  /// whole on every node.
  func stateLayouts(
    of optimizer: any Optimizer, _ division: WorkDivision, node: Int, parameterCount: Int
  ) -> [StateLayout] {
    let owned = StateLayout(division, node: node, parameterCount: parameterCount)
    let whole = StateLayout(blocks: division.blocks, count: parameterCount)
    return optimizer.stateNames.map { _ in owned } + (averages ? [whole] : [])
  }
}
