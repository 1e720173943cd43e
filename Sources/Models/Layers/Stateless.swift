public import Graph

/// A layer without parameters, from a function: `Stateless { relu($0) }`.
public struct Stateless: Layer {
  let body: @Sendable (Tensor) -> Tensor

  public init(_ body: @escaping @Sendable (Tensor) -> Tensor) { self.body = body }

  public func callAsFunction(_ input: Tensor) -> Tensor { body(input) }
}
