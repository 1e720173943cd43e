/// A rule for the start of every weight, in place of each layer's own; biases then start at 0.
///
/// fan-in is the number of products a result sums, fan-out the number of results an input enters,
/// both with a convolution's kernel. Names as in Keras; distributions of PyTorch's `nn.init`
/// (`kaiming_normal_`, `xavier_uniform_`), no truncation.
package enum WeightInitialization: String, Sendable, CaseIterable {
  /// N(0, 2 / fan-in), for ReLU. He et al., arXiv 1502.01852.
  case he
  /// U(±√(6 / (fan-in + fan-out))). Glorot and Bengio, AISTATS 2010.
  case xavier
  /// N(0, 1 / fan-in). LeCun et al., Efficient BackProp, 1998.
  case lecun
  /// N(0, 0.01²).
  case normal

  /// The start of `parameter`: norms, statistics and tables of one axis keep their own.
  package func initializer(of parameter: Parameter) -> Initializer {
    switch parameter.role {
    case .weight where parameter.shape.count >= 2: weight(parameter.shape)
    case .bias: .constant(0)
    default: parameter.initializer
    }
  }

  /// Of a weight `[out, in, …]`.
  private func weight(_ shape: [Int]) -> Initializer {
    let fanIn = Float(shape.dropFirst().reduce(1, *))
    let fanOut = Float(shape[0] * shape.dropFirst(2).reduce(1, *))
    return switch self {
    case .he: .normal(deviation: (2 / fanIn).squareRoot())
    case .xavier: .uniform(bound: (6 / (fanIn + fanOut)).squareRoot())
    case .lecun: .normal(deviation: (1 / fanIn).squareRoot())
    case .normal: .normal(deviation: 0.01)
    }
  }
}
