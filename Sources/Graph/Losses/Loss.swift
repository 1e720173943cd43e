package import Basics
import CKernels

/// What training minimizes: sums over samples now, divided once by whoever has all of them.
///
/// A loss writes the gradient of the SUM over the model's result of shape `[batch, …]`; the mean is
/// Σ gradient / Σ weight over all leaves.
package enum Loss: Sendable, Equatable {
  /// Against one class a position: outputs `[batch, …, classes]`, targets `[batch, …]` of `Int32`.
  case classes(ClassLoss)
  /// Against a distribution a position: outputs `[batch, …, classes]`, targets of the same shape.
  case distributions(DistributionLoss)
  /// Against one value an element: targets of the output's shape.
  case elements(ElementLoss)

  /// PyTorch's `CrossEntropyLoss`.
  package static let crossEntropy = Loss.classes(.crossEntropy(ClassSettings()))

  /// Whether targets are class indices (`Int32`) rather than values (`Float`).
  package var takesClasses: Bool {
    if case .classes = self { true } else { false }
  }

  /// Whether targets are probabilities: outside 0 … 1 the loss has no minimum or no meaning.
  package var takesProbabilities: Bool {
    switch self {
    case .distributions, .elements(.binaryCrossEntropy): true
    case .classes, .elements: false
    }
  }

  /// Targets a sample has, for a model output of shape `[batch, …]`: for classes one a position.
  package func targetsPerSample(output: Shape) -> Int {
    let perSample = output.count / max(1, output[0])
    return takesClasses ? perSample / max(1, output[output.rank - 1]) : perSample
  }

  /// - Throws: `ShapeMismatch` where the loss has settings for another number of classes.
  func checkOutput(_ output: Shape) throws(ShapeMismatch) {
    let settings: ClassSettings
    switch self {
    case .classes(.crossEntropy(let own)), .distributions(.crossEntropy(let own)): settings = own
    case .classes, .distributions(.divergence): settings = ClassSettings()
    case .elements: return
    }
    let classes = output[output.rank - 1]
    if classes < 1 { throw ShapeMismatch("an output of shape \(output) has no classes") }
    if let weights = settings.weights, weights.count != classes {
      throw ShapeMismatch("\(weights.count) class weights for an output of shape \(output)")
    }
  }

  /// The kernel that adds to `sums` and, with `gradient`, writes the gradient of the sum; the
  /// gradient may lie where the output does.
  func compile(
    output: Buffer, shape: Shape, targets: Buffer, gradient: Buffer?,
    sums: UnsafeMutablePointer<ck_loss_sums>
  ) -> any Kernel {
    let classes = max(1, shape[shape.rank - 1])
    var arguments = KernelArguments()
    let (x, y) = (arguments.add(output), arguments.add(targets))
    let dx = arguments.add(gradient)
    // A closure over raw addresses: `sums` lives as long as the plan, which owns this kernel.
    return ClosureKernel(arguments.buffers) { pointers in
      let site = LossSite(
        output: pointers[x], targets: UnsafeRawPointer(pointers[y]),
        gradient: dx.map { pointers[$0] }, rows: shape.count / classes, classes: classes,
        sums: sums)
      switch self {
      case .classes(let loss): loss.run(site)
      case .distributions(let loss): loss.run(site)
      case .elements(let loss): loss.run(site)
      }
    }
  }
}

/// The memory a loss works on: `[rows, classes]` outputs and their targets.
struct LossSite {
  let output: UnsafePointer<Float>
  let targets: UnsafeRawPointer
  /// Nil where only the loss is asked for.
  let gradient: UnsafeMutablePointer<Float>?
  let rows: Int
  let classes: Int
  let sums: UnsafeMutablePointer<ck_loss_sums>

  var values: UnsafePointer<Float> { targets.assumingMemoryBound(to: Float.self) }
  var labels: UnsafePointer<Int32> { targets.assumingMemoryBound(to: Int32.self) }
}
