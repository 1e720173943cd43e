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
    var arguments = KernelArguments()
    let input = arguments.add(site.inputs[0])
    let weights = Weights(site, &arguments)
    let y = arguments.add(site.output)
    let state = arguments.add(kept)
    let scratch = arguments.add(site.scratch(bytes: sizes.forward * 4, during: .forward))
    let forward = ClosureKernel(arguments.buffers) { pointers in
      ck_recurrent(
        pointers[input], weights.at(pointers), pointers[y], shape, pointers[state],
        pointers[scratch])
    }
    guard let upstream = site.outputGradient else { return CompiledOperation(forward: [forward]) }
    return CompiledOperation(
      forward: [forward],
      backward: [
        backward(site, upstream, shape, kept: kept, workspaceBytes: sizes.backward * 4)
      ])
  }

  private func backward(
    _ site: Site, _ upstream: Buffer, _ shape: ck_recurrent_shape, kept: Buffer,
    workspaceBytes: Int
  ) -> any Kernel {
    var arguments = KernelArguments()
    let weights = Weights(site, &arguments)
    let dy = arguments.add(upstream)
    let state = arguments.add(kept)
    let workspace = arguments.add(site.scratch(bytes: workspaceBytes, during: .backward))
    let targets = site.inputGradients.map { arguments.add($0) }
    return ClosureKernel(arguments.buffers) { pointers in
      func place(_ input: Int) -> UnsafeMutablePointer<Float>? {
        targets[input].map { pointers[$0.index] }
      }
      func adds(_ input: Int) -> Int32 { targets[input]?.adds ?? 0 }
      let gradients = ck_recurrent_gradients(
        x: place(0), weight_ih: place(1), weight_hh: place(2), bias_ih: place(3),
        bias_hh: place(4), adds_x: adds(0), adds_weight_ih: adds(1), adds_weight_hh: adds(2),
        adds_bias_ih: adds(3), adds_bias_hh: adds(4))
      ck_recurrent_backward(
        pointers[dy], weights.at(pointers), gradients, shape, pointers[state], pointers[workspace])
    }
  }

  /// The four parameters among a kernel's arguments.
  private struct Weights {
    let inputs: Int
    let recurrent: Int
    let inputBias: Int
    let recurrentBias: Int

    init(_ site: Site, _ arguments: inout KernelArguments) {
      inputs = arguments.add(site.inputs[1])
      recurrent = arguments.add(site.inputs[2])
      inputBias = arguments.add(site.inputs[3])
      recurrentBias = arguments.add(site.inputs[4])
    }

    func at(_ pointers: ClosureKernel.Pointers) -> ck_recurrent_weights {
      ck_recurrent_weights(
        weight_ih: pointers[inputs], weight_hh: pointers[recurrent],
        bias_ih: pointers[inputBias], bias_hh: pointers[recurrentBias])
    }
  }
}
