import Basics

/// What a norm's backward pass reuses of its forward pass, in one scratch buffer.
struct NormState {
  let buffer: Buffer
  let channels: Int

  init(_ buffer: Buffer, _ channels: Int) {
    self.buffer = buffer
    self.channels = channels
  }

  static func bytes(_ channels: Int) -> Int { 3 * 4 * channels }

  func place(_ base: UnsafeMutablePointer<Float>) -> Place {
    Place(mean: base, scale: base + channels, inverse: base + 2 * channels)
  }

  /// Arrays of one number a channel.
  struct Place {
    let mean: UnsafeMutablePointer<Float>
    /// y = scale·(x − mean) + bias.
    let scale: UnsafeMutablePointer<Float>
    /// 1/√(σ² + ε).
    let inverse: UnsafeMutablePointer<Float>

    func set(_ channel: Int, mean value: Double, variance: Double, epsilon: Float, weight: Float) {
      let root = 1 / (variance + Double(epsilon)).squareRoot()
      mean[channel] = Float(value)
      inverse[channel] = Float(root)
      scale[channel] = Float(Double(weight) * root)
    }
  }
}

/// Inputs x, weight, bias and further arrays of one number a channel.
func checkNorm(_ inputs: [Shape]) throws(ShapeMismatch) {
  let x = inputs[0]
  guard x.rank == 2 || x.rank == 4 else {
    throw ShapeMismatch(
      "expected input [batch, channels] or [batch, channels, height, width], found \(x)")
  }
  for parameter in inputs.dropFirst() where parameter.extents != [x[1]] {
    throw ShapeMismatch("expected \(parameter[0]) channels, found \(x)")
  }
}
