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

  /// What moves the parameters where hosts that trained apart meet; nil where they never do.
  /// - Throws: `Failure.usage`.
  package func makeOuterOptimizer() throws -> (any Optimizer)? {
    if localSteps == 1 { return nil }
    var settings = HyperParameters()
    settings[.momentum] = [outerMomentum]
    return try OptimizerRegistry.make(outerMomentum == 0 ? "sgd" : "nesterov", settings)
  }

  /// Names of the state arrays: the optimizer's, the average of the parameters, and the outer
  /// optimizer's.
  package func stateNames(
    of optimizer: any Optimizer, outer: (any Optimizer)? = nil
  ) -> [String] {
    optimizer.stateNames + (averages ? ["ema"] : [])
      + (outer?.stateNames.map { "outer_" + $0 } ?? [])
  }

  /// Where the state arrays lie on a node: what the ranks of a step update. The average of the
  /// parameters is evaluated, and so whole on every node; outer steps are the whole run's.
  func stateLayouts(
    of optimizer: any Optimizer, _ team: StepTeam, outer: (any Optimizer)?, _ run: WorkDivision,
    node: Int, parameterCount: Int
  ) -> [StateLayout] {
    let owned = StateLayout(team.division, node: team.node, parameterCount: parameterCount)
    let whole = StateLayout(blocks: run.blocks, count: parameterCount)
    let outerOwned = StateLayout(run, node: node, parameterCount: parameterCount)
    return optimizer.stateNames.map { _ in owned } + (averages ? [whole] : [])
      + (outer?.stateNames.map { _ in outerOwned } ?? [])
  }
}
