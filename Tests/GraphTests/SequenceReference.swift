import Glibc
import Graph

/// Operations on sequences in double precision, flat arrays in row-major order, written for the
/// tests alone.
enum SequenceReference {
  typealias Values = [Double]

  /// Rows of `width`, each by `body`.
  static func rows(_ x: Values, _ width: Int, _ body: (ArraySlice<Double>) -> Values) -> Values {
    stride(from: 0, to: x.count, by: width).flatMap { body(x[$0..<($0 + width)]) }
  }

  static func softmax(_ x: ArraySlice<Double>) -> Values {
    let sum = x.reduce(0) { $0 + exp($1) }
    return x.map { exp($0) / sum }
  }

  static func logSoftmax(_ x: ArraySlice<Double>) -> Values { softmax(x).map { log($0) } }

  static func layerNorm(_ x: Values, _ weight: Values, _ bias: Values) -> Values {
    rows(x, weight.count) { row in
      let mean = row.reduce(0, +) / Double(row.count)
      let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row.count)
      return zip(row, zip(weight, bias)).map {
        ($0 - mean) / (variance + 1e-5).squareRoot() * $1.0 + $1.1
      }
    }
  }

  /// x `[rows, in]`, weight `[out, in]`.
  static func linear(_ x: Values, _ weight: Values, _ bias: Values) -> Values {
    let width = weight.count / bias.count
    return rows(x, width) { row in
      bias.indices.map { output in
        zip(row, weight[(output * width)...]).reduce(bias[output]) { $0 + $1.0 * $1.1 }
      }
    }
  }

  static func attention(
    _ qkv: Values, length: Int, heads: Int, width: Int, isCausal: Bool, hidden: Set<Int> = []
  ) -> Values {
    let across = heads * width
    return rows(qkv, length * 3 * across) { sample in
      let start = sample.startIndex
      func part(_ kind: Int, _ head: Int, _ t: Int) -> ArraySlice<Double> {
        let first = start + t * 3 * across + kind * across + head * width
        return sample[first..<(first + width)]
      }
      return (0..<length).flatMap { t in
        (0..<heads).flatMap { head -> Values in
          let seen = (0..<(isCausal ? t + 1 : length)).filter {
            !hidden.contains(start / (3 * across) + $0)
          }
          if seen.isEmpty { return Values(repeating: 0, count: width) }
          let scores = seen.map { j in
            zip(part(0, head, t), part(1, head, j)).reduce(0) { $0 + $1.0 * $1.1 }
              / Double(width).squareRoot()
          }
          let weights = softmax(scores[...])
          return (0..<width).map { c in
            zip(weights, seen).reduce(0) {
              $0 + $1.0 * part(2, head, $1.1)[part(2, head, $1.1).startIndex + c]
            }
          }
        }
      }
    }
  }

  /// One layer over x `[batch, length, inputs]`; the equations of PyTorch's documentation.
  static func recurrent(
    _ cell: Recurrent.Cell, _ x: Values, _ p: [Values], length: Int, hidden: Int, lastOnly: Bool
  ) -> Values {
    func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    let inputs = p[0].count / p[2].count
    return rows(x, length * inputs) { sample in
      var (h, c) = (Values(repeating: 0, count: hidden), Values(repeating: 0, count: hidden))
      var states = Values()
      for t in 0..<length {
        let first = sample.startIndex + t * inputs
        let a = linear(Values(sample[first..<(first + inputs)]), p[0], p[2])
        let b = linear(h, p[1], p[3])
        let before = h
        for i in 0..<hidden {
          func sum(_ gate: Int) -> Double { a[gate * hidden + i] + b[gate * hidden + i] }
          switch cell {
          case .rnn: h[i] = tanh(sum(0))
          case .lstm:
            c[i] = sigmoid(sum(1)) * c[i] + sigmoid(sum(0)) * tanh(sum(2))
            h[i] = sigmoid(sum(3)) * tanh(c[i])
          case .gru:
            let (reset, update) = (sigmoid(sum(0)), sigmoid(sum(1)))
            let new = tanh(a[2 * hidden + i] + reset * b[2 * hidden + i])
            h[i] = (1 - update) * new + update * before[i]
          }
        }
        states += h
      }
      return lastOnly ? h : states
    }
  }
}
