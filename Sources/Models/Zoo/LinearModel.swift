public import Graph

/// y = x·Wᵀ + b on the flattened sample: linear regression with a squared error, logistic
/// (softmax) regression with cross-entropy.
public struct LinearModel: Model {
  let output: Linear

  public init(_ context: ModelContext) {
    output = Linear("", inputs: context.features, outputs: context.outputs)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor { output(x.flattened()) }
}
