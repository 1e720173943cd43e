import CKernels
import COneDNN

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
