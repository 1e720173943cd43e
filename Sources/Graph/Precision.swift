import Basics
import CKernels
import COneDNN

/// In what the operands of matrix products and convolutions are multiplied.
///
/// Products are added in float32, and everything else is float32 throughout: weights and their
/// updates, norms, softmax, losses, and what goes on inside recurrent cells. As in PyTorch's `autocast`,
/// but for the results of products, which stay float32 here.
package enum Precision: String, Sendable, CaseIterable {
  case float32 = "fp32"
  /// Operands rounded to bfloat16, multiplied by the CPU's own instructions.
  case bfloat16 = "bf16"
  /// Operands rounded to bfloat16 and multiplied in float32: the same mathematics on any CPU, at
  /// the speed of float32.
  case emulatedBfloat16 = "bf16-emulated"

  /// Whether this CPU has the instructions.
  package var isNative: Bool {
    switch self {
    case .float32, .emulatedBfloat16: true
    case .bfloat16: ComputeEngine.hasBfloat16
    }
  }

  /// Narrower products stay float32: rounding their operands takes longer than bfloat16 saves.
  private static let leastRoundedWidth = 32

  /// In what operands are multiplied that are so wide.
  static func ofProducts(of widths: [Int], _ engine: ComputeEngine) -> Precision {
    widths.contains { $0 < leastRoundedWidth } ? .float32 : engine.precision
  }

  /// Itself, or what means the same on a CPU without its instructions.
  package var portable: Precision { isNative ? self : .emulatedBfloat16 }
}

/// The memory as numbers of 16 bits.
func halves(_ pointer: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<UInt16> {
  UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt16.self)
}

/// An operand as a product takes it: where it lies, its type there, and the kernels that bring it.
struct ProductOperand {
  let buffer: Buffer
  let type: dnnl_data_type_t
  let preparation: [any Kernel]
}

extension Site {
  /// `source` in `precision`, which is the engine's or less.
  func operand(
    _ source: Buffer, in precision: Precision, during: Scratch
  ) -> ProductOperand {
    let count = source.count
    switch precision {
    case .float32:
      return ProductOperand(buffer: source, type: dnnl_f32, preparation: [])
    case .bfloat16:
      let rounded = scratch(bytes: 2 * count, during: during)
      let kernel = ClosureKernel([source, rounded]) { pointers in
        ck_to_bfloat16(pointers[0], halves(pointers[1]), count)
      }
      return ProductOperand(buffer: rounded, type: dnnl_bf16, preparation: [kernel])
    case .emulatedBfloat16:
      let rounded = scratch(bytes: 4 * count, during: during)
      let kernel = ClosureKernel([source, rounded]) { pointers in
        ck_round_to_bfloat16(pointers[0], pointers[1], count)
      }
      return ProductOperand(buffer: rounded, type: dnnl_f32, preparation: [kernel])
    }
  }

  /// The gradient of a product's result as its backward products take it; its sum over all rows is
  /// the gradient of the bias, found in the same pass where one rounds.
  func upstreamOperand(
    _ gradient: Buffer, in precision: Precision, bias: GradientTarget?
  ) -> ProductOperand {
    guard let bias else { return operand(gradient, in: precision, during: .backward) }
    let (columns, accumulates): (Int, Int32) = (bias.buffer.count, bias.accumulates ? 1 : 0)
    let rows = gradient.count / columns
    if precision == .bfloat16 {
      let rounded = scratch(bytes: 2 * gradient.count, during: .backward)
      let kernel = ClosureKernel([gradient, rounded, bias.buffer]) { pointers in
        ck_column_sums_rounding(
          pointers[0], halves(pointers[1]), pointers[2], rows, columns, accumulates)
      }
      return ProductOperand(buffer: rounded, type: dnnl_bf16, preparation: [kernel])
    }
    let plain = operand(gradient, in: precision, during: .backward)
    let sum = ClosureKernel([gradient, bias.buffer]) { pointers in
      ck_column_sums(pointers[0], nil, pointers[1], rows, columns, accumulates)
    }
    return ProductOperand(
      buffer: plain.buffer, type: plain.type, preparation: plain.preparation + [sum])
  }
}
