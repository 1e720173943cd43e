import Glibc
import Graph

/// Layers and losses in double precision, written for the tests alone.
enum Reference {
  typealias Matrix = [[Double]]

  static func value(_ activation: Activation, _ x: Double) -> Double {
    switch activation {
    case .relu: max(0, x)
    case .leakyRelu(let slope): x > 0 ? x : Double(slope) * x
    case .elu: x > 0 ? x : expm1(x)
    case .gelu(let approximate):
      approximate
        ? x / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        : x / 2 * (1 + erf(x / 2.0.squareRoot()))
    case .silu: x / (1 + exp(-x))
    case .sigmoid: 1 / (1 + exp(-x))
    case .tanh: tanh(x)
    case .softplus: log1p(exp(x))
    }
  }

  static func apply(_ activation: Activation, _ x: Matrix) -> Matrix {
    x.map { $0.map { value(activation, $0) } }
  }

  /// x·Wᵀ + b.
  static func linear(_ x: Matrix, _ weight: Matrix, _ bias: [Double]? = nil) -> Matrix {
    x.map { row in
      weight.enumerated().map { output, weights in
        zip(row, weights).reduce(bias?[output] ?? 0) { $0 + $1.0 * $1.1 }
      }
    }
  }

  static func add(_ a: Matrix, _ b: Matrix) -> Matrix {
    zip(a, b).map { zip($0, $1).map(+) }
  }

  static func loss(_ loss: Loss, _ output: Matrix, _ targets: [Double]) -> Double {
    switch loss {
    case .elements:
      return zip(output.joined(), targets).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    case .classes(.perceptron):
      return zip(output, targets).reduce(0) { sum, row in
        sum
          + row.0.enumerated().reduce(0) {
            $0 + max(0, $1.offset == Int(row.1) ? -$1.element : $1.element)
          }
      }
    case .classes, .distributions:
      return zip(output, targets).reduce(0) { sum, row in
        sum + log(row.0.reduce(0) { $0 + exp($1) }) - row.0[Int(row.1)]
      }
    }
  }

  static func matrix(_ values: [Double], _ columns: Int) -> Matrix {
    stride(from: 0, to: values.count, by: columns).map { Array(values[$0..<($0 + columns)]) }
  }
}

extension Reference {
  /// Loss sum and its gradient by the definition: −Σ q[c]·w[c]·log p[c].
  static func crossEntropy(
    _ logits: [Double], labels: [Int32], _ loss: ClassSettings
  ) -> (loss: Double, gradient: [Double]) {
    let classes = logits.count / labels.count
    var sum = 0.0
    var gradient: [Double] = []
    for (row, label) in zip(matrix(logits, classes), labels) {
      let largest = row.max() ?? 0
      let total = row.reduce(0) { $0 + exp($1 - largest) }
      let logs = row.map { $0 - largest - log(total) }
      let target = (0..<classes).map { c in
        ((c == Int(label) ? 1 - loss.smoothing : 0) + loss.smoothing / Double(classes))
          * Double(loss.weights?[c] ?? 1)
      }
      sum -= zip(target, logs).reduce(0) { $0 + ($1.0 == 0 ? 0 : $1.0 * $1.1) }
      let weight = target.reduce(0, +)
      gradient += zip(target, logs).map { exp($1) * weight - $0 }
    }
    return (sum, gradient)
  }
}
