import Basics

/// A symbolic array: one value of a traced model, with its shape. Axis 0 is the batch.
///
/// Operations on it are recorded, not computed; a `Plan` compiles the record. A shape that does
/// not fit is remembered with the layer's name and reported when the plan is made.
public struct Tensor {
  package let trace: Trace
  package let id: Int

  /// `[batch, …]`; empty after an error.
  public var shape: [Int] { trace.nodes[id].shape.extents }

  /// Records `operation` on this and further tensors.
  /// - Parameter layer: what an error calls it: `0 (linear)`.
  package func applying(
    _ operation: any Operation, _ others: [Tensor] = [], layer: String? = nil
  ) -> Tensor {
    trace.record(operation, inputs: [id] + others.map(\.id), layer: layer ?? operation.name)
  }

  /// The value of `parameter` in this trace; the same name gives the same tensor.
  public func parameter(_ parameter: Parameter) -> Tensor { trace.parameter(parameter) }
}
