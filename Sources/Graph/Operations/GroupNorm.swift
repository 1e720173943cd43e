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
    var arguments = KernelArguments()
    let x = arguments.add(site.inputs[0])
    let weight = arguments.add(site.inputs[1])
    let bias = arguments.add(site.inputs[2])
    let kept = arguments.add(state.buffer)
    let moments = arguments.add(site.scratch(bytes: 2 * 8 * channels, during: .forward))
    let y = arguments.add(site.output)
    let forward = ClosureKernel(arguments.buffers) { pointers in
      let moments = doubles(pointers[moments])
      let weight = pointers[weight]
      for sample in 0..<batch {
        let start = sample * rows * channels
        let x = pointers[x] + start
        ck_channel_moments(x, rows, channels, moments, moments + channels)
        let place = state.place(pointers[kept] + sample * width)
        for group in 0..<groups {
          let range = group * members..<(group + 1) * members
          let (mean, variance) = GroupNorm.combine(
            moments, moments + channels, range, rows: rows)
          for channel in range {
            place.set(
              channel, mean: mean, variance: variance, epsilon: epsilon, weight: weight[channel])
          }
        }
        ck_scale_channels(
          x, place.mean, place.scale, pointers[bias], nil, pointers[y] + start, rows, channels, 0)
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
    var arguments = KernelArguments()
    let x = arguments.add(site.inputs[0])
    let weight = arguments.add(site.inputs[1])
    let bias = arguments.add(site.inputs[2])
    let dy = arguments.add(upstream)
    let kept = arguments.add(state.buffer)
    // Sums of one sample, then sums over the samples.
    let sums = arguments.add(site.scratch(bytes: 4 * 8 * channels, during: .backward))
    let lines = arguments.add(site.scratch(bytes: 2 * 4 * channels, during: .backward))
    let dx = arguments.add(site.inputGradients[0])
    let dw = arguments.add(site.inputGradients[1])
    let db = arguments.add(site.inputGradients[2])
    return ClosureKernel(arguments.buffers) { pointers in
      let weight = pointers[weight]
      let sums = doubles(pointers[sums])
      let (sum, product) = (sums, sums + channels)
      let (weights, biases) = (sums + 2 * channels, sums + 3 * channels)
      weights.update(repeating: 0, count: 2 * channels)
      let (slope, offset) = (pointers[lines], pointers[lines] + channels)
      for sample in 0..<batch {
        let start = sample * rows * channels
        let place = state.place(pointers[kept] + sample * NormState.bytes(channels) / 4)
        var norm = ck_norm_rows(
          x: pointers[x] + start, dy: pointers[dy] + start, mean: place.mean, scale: place.scale,
          bias: pointers[bias], rows: rows, channels: channels, rectifies: 0)
        ck_norm_sums(&norm, sum, product)
        for group in 0..<groups {
          let range = group * members..<(group + 1) * members
          let inverse = Double(place.inverse[range.lowerBound])
          var (level, tilt) = (0.0, 0.0)
          for channel in range {
            let weight = Double(weight[channel])
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
        if let dx { ck_norm_backward(&norm, slope, offset, pointers[dx.index] + start, dx.adds) }
      }
      for channel in 0..<channels {
        dw?.deliver(Float(weights[channel]), at: channel, pointers)
        db?.deliver(Float(biases[channel]), at: channel, pointers)
      }
    }
  }
}
