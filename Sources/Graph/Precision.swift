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
