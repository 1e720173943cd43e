/// Operations on images as their formulas stand, in double precision and channels first.
enum ImageReference {
  /// A row-major array.
  struct Array4 {
    var shape: [Int]
    var values: [Double]

    init(_ shape: [Int], _ values: [Double]) {
      precondition(shape.reduce(1, *) == values.count)
      (self.shape, self.values) = (shape, values)
    }

    init(zeros shape: [Int]) {
      self.init(shape, Array(repeating: 0, count: shape.reduce(1, *)))
    }

    subscript(n: Int, c: Int, h: Int, w: Int) -> Double {
      get { values[((n * shape[1] + c) * shape[2] + h) * shape[3] + w] }
      set { values[((n * shape[1] + c) * shape[2] + h) * shape[3] + w] = newValue }
    }

    /// 0 outside.
    func padded(_ n: Int, _ c: Int, _ h: Int, _ w: Int) -> Double {
      (0..<shape[2]).contains(h) && (0..<shape[3]).contains(w) ? self[n, c, h, w] : 0
    }

    func map(_ body: (Double) -> Double) -> Array4 { Array4(shape, values.map(body)) }
  }

  static func convolution(
    _ x: Array4, _ weight: Array4, _ bias: Array4?, stride: Int, padding: Int, dilation: Int,
    groups: Int
  ) -> Array4 {
    let (kernelH, kernelW) = (weight.shape[2], weight.shape[3])
    let height = (x.shape[2] + 2 * padding - dilation * (kernelH - 1) - 1) / stride + 1
    let width = (x.shape[3] + 2 * padding - dilation * (kernelW - 1) - 1) / stride + 1
    var y = Array4(zeros: [x.shape[0], weight.shape[0], height, width])
    let (inputs, outputs) = (weight.shape[1], weight.shape[0] / groups)
    for n in 0..<x.shape[0] {
      for o in 0..<weight.shape[0] {
        for h in 0..<height {
          for w in 0..<width {
            var sum = bias?.values[o] ?? 0
            for i in 0..<inputs {
              for kh in 0..<kernelH {
                for kw in 0..<kernelW {
                  let value = x.padded(
                    n, o / outputs * inputs + i, h * stride + kh * dilation - padding,
                    w * stride + kw * dilation - padding)
                  sum += weight[o, i, kh, kw] * value
                }
              }
            }
            y[n, o, h, w] = sum
          }
        }
      }
    }
    return y
  }

  /// `combine` gets the values of a window that lie inside the image, and its full size.
  static func pool(
    _ x: Array4, kernel: Int, stride: Int, padding: Int, combine: ([Double], Int) -> Double
  ) -> Array4 {
    let height = (x.shape[2] + 2 * padding - kernel) / stride + 1
    let width = (x.shape[3] + 2 * padding - kernel) / stride + 1
    var y = Array4(zeros: [x.shape[0], x.shape[1], height, width])
    for n in 0..<x.shape[0] {
      for c in 0..<x.shape[1] {
        for h in 0..<height {
          for w in 0..<width {
            var inside: [Double] = []
            for i in h * stride - padding..<h * stride - padding + kernel {
              for j in w * stride - padding..<w * stride - padding + kernel
              where (0..<x.shape[2]).contains(i) && (0..<x.shape[3]).contains(j) {
                inside.append(x[n, c, i, j])
              }
            }
            y[n, c, h, w] = combine(inside, kernel * kernel)
          }
        }
      }
    }
    return y
  }

  static func maximum(_ values: [Double], _ size: Int) -> Double { values.max() ?? 0 }

  static func mean(_ values: [Double], _ size: Int) -> Double {
    values.reduce(0, +) / Double(size)
  }

  static func concatenation(_ parts: [Array4]) -> Array4 {
    let first = parts[0].shape
    var y = Array4(zeros: [first[0], parts.reduce(0) { $0 + $1.shape[1] }, first[2], first[3]])
    for n in 0..<first[0] {
      var start = 0
      for part in parts {
        for c in 0..<part.shape[1] {
          for h in 0..<first[2] {
            for w in 0..<first[3] { y[n, start + c, h, w] = part[n, c, h, w] }
          }
        }
        start += part.shape[1]
      }
    }
    return y
  }

  /// (x − mean)/√(variance + 1e-5)·weight + bias, with the statistics of the set of samples and
  /// channels that `share` tells apart by a key.
  static func norm(
    _ x: Array4, _ weight: Array4, _ bias: Array4, share: (_ n: Int, _ c: Int) -> Int
  ) -> Array4 {
    var sets: [Int: [Double]] = [:]
    let pixels = x.shape[2] * x.shape[3]
    for n in 0..<x.shape[0] {
      for c in 0..<x.shape[1] {
        let start = (n * x.shape[1] + c) * pixels
        sets[share(n, c), default: []] += x.values[start..<start + pixels]
      }
    }
    let moments = sets.mapValues { values -> (mean: Double, variance: Double) in
      let mean = values.reduce(0, +) / Double(values.count)
      let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      return (mean, squares / Double(values.count))
    }
    var y = x
    for n in 0..<x.shape[0] {
      for c in 0..<x.shape[1] {
        let (mean, variance) = moments[share(n, c)] ?? (0, 0)
        for h in 0..<x.shape[2] {
          for w in 0..<x.shape[3] {
            let normal = (x[n, c, h, w] - mean) / (variance + 1e-5).squareRoot()
            y[n, c, h, w] = normal * weight.values[c] + bias.values[c]
          }
        }
      }
    }
    return y
  }
}
