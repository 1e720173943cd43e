package import Basics
import CKernels

/// One recurrent layer from a zero state: x `[batch, T, inputs]` → `[batch, T, hidden]`, or its
/// last step `[batch, hidden]`.
///
/// Inputs after x are PyTorch's `weight_ih` `[gates·hidden, inputs]`, `weight_hh`
/// `[gates·hidden, hidden]`, `bias_ih` and `bias_hh` `[gates·hidden]`; gates are in PyTorch's
/// order (i, f, g, o and r, z, n). PyTorch's `nn.RNN`, `nn.LSTM`, `nn.GRU` with `batch_first`.
package struct Recurrent: Operation {
  /// tanh RNN, LSTM (Hochreiter and Schmidhuber, 1997), GRU (Cho et al., arXiv 1406.1078, with
  /// the reset gate after the product).
  package enum Cell: String, Sendable {
    case rnn, lstm, gru

    fileprivate var kernel: ck_cell {
      switch self {
      case .rnn: ck_rnn
      case .lstm: ck_lstm
      case .gru: ck_gru
      }
    }

    /// Rows of the weights, in units of `hidden`.
    package var gates: Int { ck_cell_gates(kernel) }
  }

  let cell: Cell
  let lastOnly: Bool

  package init(_ cell: Cell, lastOnly: Bool) {
    self.cell = cell
    self.lastOnly = lastOnly
  }

  package var name: String { cell.rawValue }
  package var backwardReads: BackwardReads { .inputs }

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    let (x, weight, recurrent) = (inputs[0], inputs[1], inputs[2])
    guard x.rank == 3, x[1] > 0, weight.rank == 2, x[2] == weight[1] else {
      throw ShapeMismatch("expected [batch, T, \(weight.extents.last ?? 0)], found \(x)")
    }
    let rows = weight[0]
    guard rows > 0, recurrent.extents == [rows, rows / cell.gates],
      inputs[3].extents == [rows], inputs[4].extents == [rows]
    else { throw ShapeMismatch("weights of \(cell.gates) gates do not fit each other") }
    return Shape(lastOnly ? [x[0], recurrent[1]] : [x[0], x[1], recurrent[1]])
  }

  package func compile(_ site: Site) throws -> CompiledOperation {
    let x = site.inputShapes[0]
    let shape = ck_recurrent_shape(
      cell: cell.kernel, samples: x[0], length: x[1], inputs: x[2],
      hidden: site.inputShapes[2][1], last_only: lastOnly ? 1 : 0)
    let sizes = ck_recurrent_sizes(shape)
    let isTraining = site.outputGradient != nil
    let kept = site.scratch(bytes: sizes.kept * 4, during: isTraining ? .both : .forward)
    let scratch = site.scratch(bytes: sizes.forward * 4, during: .forward)
    let forward = ClosureKernel(site.inputs + [site.output, kept, scratch]) { pointers in
      ck_recurrent(
        pointers[0], weights(pointers), pointers[5], shape, pointers[6], pointers[7])
    }
    guard let upstream = site.outputGradient else { return CompiledOperation(forward: [forward]) }
    let workspace = site.scratch(bytes: sizes.backward * 4, during: .backward)
    let targets = site.inputGradients
    // Where nobody needs a gradient its place is taken by any buffer and never written.
    let places = targets.map { $0?.buffer ?? workspace }
    let backward = ClosureKernel(site.inputs + places + [upstream, kept, workspace]) { pointers in
      func place(_ index: Int) -> UnsafeMutablePointer<Float>? {
        targets[index] == nil ? nil : pointers[5 + index]
      }
      func adds(_ index: Int) -> Int32 { targets[index]?.accumulates == true ? 1 : 0 }
      let gradients = ck_recurrent_gradients(
        x: place(0), weight_ih: place(1), weight_hh: place(2), bias_ih: place(3),
        bias_hh: place(4), adds_x: adds(0), adds_weight_ih: adds(1), adds_weight_hh: adds(2),
        adds_bias_ih: adds(3), adds_bias_hh: adds(4))
      ck_recurrent_backward(
        pointers[10], weights(pointers), gradients, shape, pointers[11], pointers[12])
    }
    return CompiledOperation(forward: [forward], backward: [backward])
  }
}

/// Pointers 1 … 4 of a kernel over this operation's inputs.
private func weights(_ pointers: ClosureKernel.Pointers) -> ck_recurrent_weights {
  ck_recurrent_weights(
    weight_ih: pointers[1], weight_hh: pointers[2], bias_ih: pointers[3], bias_hh: pointers[4])
}
