package import Basics
import CKernels

/// What training minimizes: sums over samples now, divided once by whoever has all of them.
package enum Loss: String, Sendable, Codable, CaseIterable {
  /// −Σ log softmax(logits)[class]; weight 1 a sample. PyTorch's `CrossEntropyLoss`.
  case crossEntropy = "cross-entropy"
  /// Σ(prediction − target)²; weight 1 an element. PyTorch's `MSELoss`.
  case meanSquaredError = "mse"

  /// Whether targets are class indices (`Int32`) rather than values (`Float`).
  package var takesClasses: Bool { self == .crossEntropy }

  /// Targets a sample has, for a model output of shape `[batch, …]`.
  package func targetsPerSample(output: Shape) -> Int {
    takesClasses ? 1 : output.count / max(1, output[0])
  }

  func checkOutput(_ output: Shape) throws(ShapeMismatch) {
    if takesClasses && (output.rank != 2 || output[1] < 1) {
      throw ShapeMismatch("\(rawValue) needs an output of shape [batch, classes], found \(output)")
    }
  }

  /// The kernel that adds to `sums` and, with `gradient`, writes the gradient of the sum.
  func compile(
    output: Buffer, shape: Shape, targets: Buffer, gradient: Buffer?,
    sums: UnsafeMutablePointer<ck_loss_sums>
  ) -> any Kernel {
    // A closure over raw addresses: `sums` lives as long as the plan, which owns this kernel.
    let buffers = [output, targets] + (gradient.map { [$0] } ?? [])
    let hasGradient = gradient != nil
    switch self {
    case .crossEntropy:
      let (rows, classes) = (shape[0], shape[1])
      return ClosureKernel(buffers) { pointers in
        pointers[1].withMemoryRebound(to: Int32.self, capacity: rows) { classIndices in
          ck_softmax_cross_entropy(
            pointers[0], classIndices, hasGradient ? pointers[2] : nil, rows, classes, sums)
        }
      }
    case .meanSquaredError:
      let count = shape.count
      return ClosureKernel(buffers) { pointers in
        ck_mean_squared_error(
          pointers[0], pointers[1], hasGradient ? pointers[2] : nil, count, sums)
      }
    }
  }
}
