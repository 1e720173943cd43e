package import Basics
import CKernels

/// y = (x − μ) / √(σ² + ε) · w + b with mean μ and biased variance σ² of each sample over the
/// pixels of a group of channels: x `[batch, channels, height, width]` or `[batch, channels]`,
/// w and b `[channels]`. PyTorch's `nn.GroupNorm`.
///
///     x̂ = (x − μ)/√(σ² + ε),  dw = Σ dy·x̂,  db = Σ dy
///     dx = 1/√(σ² + ε) · (w·dy − mean(w·dy) − x̂·mean(w·dy·x̂)), means over the group
package struct GroupNorm: Operation {
  let groups: Int
  let epsilon: Float

  package init(groups: Int, epsilon: Float) {
    self.groups = groups
    self.epsilon = epsilon
  }

  package let name = "groupnorm"
  package var images: ImageUse { .channelsLast(images: 1) }
  package var backwardReads: BackwardReads { .inputs }

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    try checkNorm(inputs)
    guard groups >= 1, inputs[0][1] % groups == 0 else {
      throw ShapeMismatch("\(inputs[0][1]) channels do not divide into \(groups) groups")
    }
    return inputs[0]
  }

  package func compile(_ site: Site) throws -> CompiledOperation {
    let (batch, channels) = (site.outputShape[0], site.outputShape[1])
    let rows = site.outputShape.count / (batch * channels)
    let members = channels / groups
    let (groups, epsilon) = (groups, epsilon)
    let width = NormState.bytes(channels) / 4
    let state = NormState(site.scratch(bytes: 4 * width * batch, during: .both), channels)
    let moments = site.scratch(bytes: 2 * 8 * channels, during: .forward)
    let forward = ClosureKernel(site.inputs + [state.buffer, moments, site.output]) { pointers in
      let moments = UnsafeMutableRawPointer(pointers[4]).assumingMemoryBound(to: Double.self)
      for sample in 0..<batch {
        let start = sample * rows * channels
        let x = pointers[0] + start
        ck_channel_moments(x, rows, channels, moments, moments + channels)
        let place = state.place(pointers[3] + sample * width)
        for group in 0..<groups {
          let range = group * members..<(group + 1) * members
          let (mean, variance) = GroupNorm.combine(
            moments, moments + channels, range, rows: rows)
          for channel in range {
            place.set(
              channel, mean: mean, variance: variance, epsilon: epsilon,
              weight: pointers[1][channel])
          }
        }
        ck_scale_channels(
          x, place.mean, place.scale, pointers[2], nil, pointers[5] + start, rows, channels, 0)
      }
    }
    guard let upstream = site.outputGradient else { return CompiledOperation(forward: [forward]) }
    return CompiledOperation(
      forward: [forward], backward: [backward(site, state, upstream, rows: rows)])
  }

  /// Mean and biased variance over the channels of a group, from those of each channel.
  private static func combine(
    _ means: UnsafeMutablePointer<Double>, _ squares: UnsafeMutablePointer<Double>,
    _ range: Range<Int>, rows: Int
  ) -> (mean: Double, variance: Double) {
    var mean = 0.0
    for channel in range { mean += means[channel] }
    mean /= Double(range.count)
    var sum = 0.0
    for channel in range {
      let distance = means[channel] - mean
      sum += squares[channel] + Double(rows) * distance * distance
    }
    return (mean, sum / Double(rows * range.count))
  }

  private func backward(
    _ site: Site, _ state: NormState, _ upstream: Buffer, rows: Int
  ) -> any Kernel {
    let (batch, channels, members) = (
      site.outputShape[0], state.channels, state.channels / groups
    )
    let groups = groups
    // Sums of one sample, then sums over the samples.
    let sums = site.scratch(bytes: 4 * 8 * channels, during: .backward)
    let lines = site.scratch(bytes: 2 * 4 * channels, during: .backward)
    let targets = site.inputGradients
    let adds = targets.map { $0?.accumulates ?? false }
    let hasInput = targets[0] != nil
    return ClosureKernel(
      [site.inputs[0], site.inputs[1], upstream, state.buffer, sums, lines]
        + [targets[1], targets[2]].compactMap { $0?.buffer } + [site.inputs[2]]
        + [targets[0]].compactMap { $0?.buffer }
    ) { pointers in
      let sums = UnsafeMutableRawPointer(pointers[4]).assumingMemoryBound(to: Double.self)
      let (sum, product) = (sums, sums + channels)
      let (weights, biases) = (sums + 2 * channels, sums + 3 * channels)
      weights.update(repeating: 0, count: 2 * channels)
      let (slope, offset) = (pointers[5], pointers[5] + channels)
      for sample in 0..<batch {
        let start = sample * rows * channels
        let place = state.place(pointers[3] + sample * NormState.bytes(channels) / 4)
        var norm = ck_norm_rows(
          x: pointers[0] + start, dy: pointers[2] + start, mean: place.mean, scale: place.scale,
          bias: pointers[8], rows: rows, channels: channels, rectifies: 0)
        ck_norm_sums(&norm, sum, product)
        for group in 0..<groups {
          let range = group * members..<(group + 1) * members
          let inverse = Double(place.inverse[range.lowerBound])
          var (level, tilt) = (0.0, 0.0)
          for channel in range {
            let weight = Double(pointers[1][channel])
            level += weight * sum[channel]
            tilt += weight * product[channel] * inverse
            weights[channel] += product[channel] * inverse
            biases[channel] += sum[channel]
          }
          let count = Double(rows * members)
          for channel in range {
            let line = -inverse * inverse * tilt / count
            slope[channel] = Float(line)
            offset[channel] = Float(-inverse * level / count)
          }
        }
        if hasInput {
          ck_norm_backward(&norm, slope, offset, pointers[9] + start, adds[0] ? 1 : 0)
        }
      }
      for channel in 0..<channels {
        let (weight, bias) = (Float(weights[channel]), Float(biases[channel]))
        pointers[6][channel] = adds[1] ? pointers[6][channel] + weight : weight
        pointers[7][channel] = adds[2] ? pointers[7][channel] + bias : bias
      }
    }
  }
}
