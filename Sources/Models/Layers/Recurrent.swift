public import Graph

/// Recurrent layers on top of each other, from a zero state: `[batch, T, inputs]` →
/// `[batch, T, hidden]`, or the last step `[batch, hidden]`.
///
/// Parameters are PyTorch's `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, … , all
/// U(±1/√hidden). PyTorch's `nn.RNN`, `nn.LSTM` and `nn.GRU` with `batch_first`.
public struct Recurrent: Layer {
  public enum Cell: String, Sendable, CaseIterable {
    /// h = tanh(W·x + b + U·h + c).
    case rnn
    case lstm
    case gru

    var operation: Graph.Recurrent.Cell {
      switch self {
      case .rnn: .rnn
      case .lstm: .lstm
      case .gru: .gru
      }
    }
  }

  let cell: Cell
  /// The four parameters of each layer.
  let layers: [[Parameter]]
  let lastOnly: Bool
  let name: String

  /// - Parameters:
  ///   - hidden: the width of each layer.
  ///   - lastOnly: gives the last step alone.
  public init(_ name: String, cell: Cell, inputs: Int, hidden: [Int], lastOnly: Bool = false) {
    let prefix = namePrefix(name)
    self.cell = cell
    self.lastOnly = lastOnly
    self.name = name
    layers = hidden.enumerated().map { index, width in
      let start = Initializer.fanIn(width)
      let rows = cell.operation.gates * width
      func parameter(_ kind: String, _ shape: [Int]) -> Parameter {
        Parameter(
          "\(prefix)\(kind)_l\(index)", shape: shape,
          role: kind.hasPrefix("bias") ? .bias : .weight, initializer: start)
      }
      return [
        parameter("weight_ih", [rows, index == 0 ? inputs : hidden[index - 1]]),
        parameter("weight_hh", [rows, width]),
        parameter("bias_ih", [rows]), parameter("bias_hh", [rows]),
      ]
    }
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    layers.indices.reduce(x) { value, index in
      value.recurrent(
        cell.operation, weights: layers[index].map { value.parameter($0) },
        lastOnly: lastOnly && index == layers.count - 1,
        layer: layerLabel("\(namePrefix(name))\(index)", cell.rawValue))
    }
  }
}
