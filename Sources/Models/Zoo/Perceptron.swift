public import Graph

/// Threshold units on the flattened sample, one a class: z = x·Wᵀ + b, y = 1 where z > 0. Weights
/// start at 0, as in the textbooks; the loss `perceptron` takes the step.
///
/// Source: Rosenblatt, The Perceptron, Psychological Review 65, 1958.
public struct Perceptron: Model {
  let weight: Parameter
  let bias: Parameter

  public init(_ context: ModelContext) {
    weight = Parameter(
      "weight", shape: [context.outputs, context.features], role: .weight, initializer: .constant(0)
    )
    bias = Parameter(
      "bias", shape: [context.outputs], role: .bias, initializer: .constant(0))
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    x.flattened().linear(
      weight: x.parameter(weight), bias: x.parameter(bias), layer: "perceptron")
  }
}
