import Basics

/// How a parameter starts. Every element is a pure function of (seed, parameter name, index).
public enum Initializer: Sendable, Hashable {
  /// U(−bound, bound).
  case uniform(bound: Float)
  /// N(0, deviation²).
  case normal(deviation: Float)
  case constant(Float)

  /// PyTorch's default of linear and convolution layers, weight and bias: U(±1/√fanIn).
  public static func fanIn(_ fanIn: Int) -> Initializer {
    .uniform(bound: 1 / Float(max(1, fanIn)).squareRoot())
  }

  /// Writes elements `range` of the parameter `name` to `output[0 ..< range.count]`.
  package func fill(
    _ output: UnsafeMutablePointer<Float>, range: Range<Int>, name: String, seed: UInt64
  ) {
    let random = Philox(seed: seed, purpose: .initialization, stream: stableHash(name))
    for (position, element) in range.enumerated() {
      switch self {
      case .uniform(let bound):
        output[position] = (2 * random.uniform(UInt64(element)) - 1) * bound
      case .normal(let deviation): output[position] = random.normal(UInt64(element)) * deviation
      case .constant(let value): output[position] = value
      }
    }
  }
}

/// A named array that training changes; names and shapes are PyTorch's.
public struct Parameter: Sendable, Hashable {
  /// What it is to regularization: `l1`, `l2` and `elastic-net` leave biases and norms alone, and
  /// no optimizer touches a statistic.
  public enum Role: String, Sendable, Codable { case weight, bias, norm, statistic }

  public let name: String
  public let shape: [Int]
  public let role: Role
  public let initializer: Initializer
  /// How it follows the data, where it is a statistic.
  public let statistic: RunningStatistic?

  public init(_ name: String, shape: [Int], role: Role, initializer: Initializer) {
    self.name = name
    self.shape = shape
    self.role = role
    self.initializer = initializer
    statistic = nil
  }

  /// A running statistic.
  public init(
    _ name: String, shape: [Int], startingAt value: Float, statistic: RunningStatistic
  ) {
    self.name = name
    self.shape = shape
    role = .statistic
    initializer = .constant(value)
    self.statistic = statistic
  }

  package var count: Int { shape.reduce(1, *) }

  /// Elements that belong to one output: a row of a matrix, a filter of a convolution, all of a
  /// bias. Unit-wise norms are taken over these.
  package var unitLength: Int { shape.count > 1 ? count / shape[0] : count }
}

/// A parameter that follows the data instead of a gradient:
/// running = (1 − momentum)·running + momentum·(mean over the step's values).
///
/// In the place of its gradient a leaf leaves a sum over its values; the step's sum, in the order
/// of every gradient, is divided by the number of values of all leaves.
public struct RunningStatistic: Sendable, Hashable {
  public let momentum: Double
  /// Values a sample brings: the pixels of a channel.
  public let valuesPerSample: Int

  public init(momentum: Double, valuesPerSample: Int) {
    self.momentum = momentum
    self.valuesPerSample = valuesPerSample
  }
}
