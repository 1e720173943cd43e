/// One update rule on flat slices, with explicit state.
///
/// State lies in named slots of arenas laid out like the parameters and starts as zeros, so
/// checkpoints and slicing know nothing of the kind. What depends on the step number is worked out
/// once, on rank 0, and travels to every rank as `StepScalars`; what a rank makes of it is plain
/// IEEE arithmetic, the same bits everywhere.
package protocol Optimizer: Sendable {
  /// The command line's name for it.
  var name: String { get }
  /// PyTorch's names of the state arrays: `exp_avg`, `exp_avg_sq`, …
  var stateNames: [String] { get }
  /// Of every parameter that is not excluded from it.
  var weightDecay: Double { get }
  /// Whether the update depends on norms over a whole tensor (LAMB, LARS). It then has two halves:
  /// `prepare`, and `update` once the norms of all blocks are known.
  var needsTensorNorms: Bool { get }

  /// Whether it has a momentum (β₁ of Adam's kin) that a schedule may move. NAdam has not: its bias
  /// correction is a function of the step only while β₁ stays.
  var followsMomentum: Bool { get }

  /// What the update of step `step` (0 for the first) needs beside the settings.
  /// - Parameter momentum: in place of its own, where it `followsMomentum`.
  func scalars(step: Int, learningRate: Double, momentum: Double?) -> StepScalars

  /// First half where tensor norms are needed: turns the gradient into the direction of the
  /// update, whose norm is taken next.
  func prepare(_ block: UpdateBlock, _ scalars: StepScalars)

  /// Updates the block's parameters in place.
  func update(_ block: UpdateBlock, _ scalars: StepScalars)
}

extension Optimizer {
  package var needsTensorNorms: Bool { false }
  package var followsMomentum: Bool { false }
  package func prepare(_ block: UpdateBlock, _ scalars: StepScalars) {}

  package func scalars(step: Int, learningRate: Double, momentum: Double?) -> StepScalars {
    StepScalars(learningRate: learningRate, momentum: momentum, isFirstStep: step == 0)
  }

  package func scalars(step: Int, learningRate: Double) -> StepScalars {
    scalars(step: step, learningRate: learningRate, momentum: nil)
  }
}

/// A run of consecutive elements of one parameter, and what its group says about it.
package struct UpdateBlock {
  package let parameters: UnsafeMutablePointer<Float>
  /// Mean, with penalties, clipped. Belongs to the update, which may change it.
  package let gradient: UnsafeMutablePointer<Float>
  /// One pointer a state name, to the element that belongs to `parameters`.
  package let state: UnsafePointer<UnsafeMutablePointer<Float>>
  package let count: Int
  package var weightDecay: Double
  /// What the group multiplies the learning rate with.
  package var rateFactor = 1.0
  /// 2-norms of the whole tensor, where the optimizer needs them: of its parameters before the
  /// update, and of the direction.
  package var norms = (parameters: 0.0, direction: 0.0)

  package init(
    parameters: UnsafeMutablePointer<Float>, gradient: UnsafeMutablePointer<Float>,
    state: UnsafePointer<UnsafeMutablePointer<Float>>, count: Int, weightDecay: Double
  ) {
    self.parameters = parameters
    self.gradient = gradient
    self.state = state
    self.count = count
    self.weightDecay = weightDecay
  }
}

/// Numbers of one step, the same bits on every rank. Which are used depends on the optimizer.
package struct StepScalars: BitwiseCopyable, Sendable, Equatable {
  /// What the schedule says.
  package var learningRate = 0.0
  /// In place of the optimizer's own, where a schedule moves it.
  package var momentum: Double?
  /// Where state starts as something else than zeros.
  package var isFirstStep = false
  /// What the learning rate is multiplied with in front of the moment: Adam's 1/(1 − β₁ᵗ).
  package var momentFactor = 1.0
  /// … and in front of the gradient itself: NAdam.
  package var gradientFactor = 0.0
  /// What √v is multiplied with: Adam's 1/√(1 − β₂ᵗ).
  package var rootFactor = 1.0
  /// RAdam: whether the variance is known well enough to divide by it.
  package var isRectified = true

  package init(learningRate: Double = 0, momentum: Double? = nil, isFirstStep: Bool = false) {
    self.learningRate = learningRate
    self.momentum = momentum
    self.isFirstStep = isFirstStep
  }
}

/// base^exponent by squaring: no libm, so the same bits on every host.
package func power(_ base: Double, _ exponent: Int) -> Double {
  var result = 1.0
  var factor = base
  var remaining = exponent
  while remaining > 0 {
    if remaining & 1 == 1 { result *= factor }
    factor *= factor
    remaining >>= 1
  }
  return result
}
