package import Basics
import CKernels

/// What training minimizes: sums over samples now, divided once by whoever has all of them.
///
/// A loss writes the gradient of the SUM over the model's result of shape `[batch, …]`; the mean is
/// Σ gradient / Σ weight over all leaves.
package enum Loss: Sendable, Equatable {
  /// Against one class a position: outputs `[batch, …, classes]`, targets `[batch, …]` of `Int32`.
  case classes(ClassLoss)
  /// Threshold units against one class a position: Rosenblatt's perceptron criterion, whose
  /// gradient step w −= lr·(y − target)·x is the perceptron rule. Outputs and targets as above.
  case perceptron
  /// Against one value an element: targets of the output's shape.
  case elements(ElementLoss)

  /// PyTorch's `CrossEntropyLoss`.
  package static let crossEntropy = Loss.classes(ClassLoss())
  /// PyTorch's `MSELoss`.
  package static let meanSquaredError = Loss.elements(.meanSquaredError)

  package static let names = ["cross-entropy", "perceptron"] + ElementLoss.allCases.map(\.rawValue)

  /// The loss of this name with its default settings.
  package init?(named name: String) {
    if name == "cross-entropy" {
      self = .crossEntropy
    } else if name == "perceptron" {
      self = .perceptron
    } else if let loss = ElementLoss(rawValue: name) {
      self = .elements(loss)
    } else {
      return nil
    }
  }

  package var name: String {
    switch self {
    case .classes: "cross-entropy"
    case .perceptron: "perceptron"
    case .elements(let loss): loss.rawValue
    }
  }

  /// Whether targets are class indices (`Int32`) rather than values (`Float`).
  package var takesClasses: Bool {
    if case .elements = self { false } else { true }
  }

  /// Targets a sample has, for a model output of shape `[batch, …]`: for classes one a position.
  package func targetsPerSample(output: Shape) -> Int {
    let perSample = output.count / max(1, output[0])
    return takesClasses ? perSample / max(1, output[output.rank - 1]) : perSample
  }

  /// - Throws: `ShapeMismatch` where the loss has settings for another number of classes.
  func checkOutput(_ output: Shape) throws(ShapeMismatch) {
    if case .classes(let loss) = self { try loss.checkOutput(output) }
  }

  /// The kernel that adds to `sums` and, with `gradient`, writes the gradient of the sum; the
  /// gradient may lie where the output does.
  func compile(
    output: Buffer, shape: Shape, targets: Buffer, gradient: Buffer?,
    sums: UnsafeMutablePointer<ck_loss_sums>
  ) -> any Kernel {
    // A closure over raw addresses: `sums` lives as long as the plan, which owns this kernel.
    let hasGradient = gradient != nil
    return ClosureKernel([output, targets] + (gradient.map { [$0] } ?? [])) { pointers in
      let gradient = hasGradient ? pointers[2] : nil
      switch self {
      case .classes(let loss):
        let classes = shape[shape.rank - 1]
        let rows = shape.count / classes
        pointers[1].withMemoryRebound(to: Int32.self, capacity: rows) { labels in
          loss.run(pointers[0], labels, gradient, rows: rows, classes: classes, sums: sums)
        }
      case .perceptron:
        let classes = shape[shape.rank - 1]
        let rows = shape.count / classes
        pointers[1].withMemoryRebound(to: Int32.self, capacity: rows) { labels in
          // A metric: training does without.
          if gradient == nil {
            sums.pointee.correct += Double(ck_count_correct(pointers[0], labels, rows, classes))
          }
          ck_perceptron(pointers[0], labels, gradient, rows, classes, sums)
        }
      case .elements(let loss):
        loss.run(pointers[0], pointers[1], gradient, count: shape.count, sums: sums)
      }
    }
  }
}
