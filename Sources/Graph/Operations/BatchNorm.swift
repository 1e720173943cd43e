package import Basics
import CKernels

/// y = act((x − μ) / √(σ² + ε) · w + b + r) a channel: x and r `[batch, channels, height, width]`
/// or `[batch, channels]`, everything else `[channels]`. Inputs are x, w, b, running mean, running
/// variance and, where an addition was joined to the norm, r.
///
/// Training takes mean μ and biased variance σ² of this execution's samples, a leaf's own, and
/// leaves in the place of the running statistics' gradients what the step adds up over its leaves:
/// n·μ and n·(unbiased variance), both 0 where n < 2. Evaluation takes the running statistics.
/// PyTorch's `nn.BatchNorm2d`; with one leaf the numbers are those of one process there.
///
///     dz = dy ⊙ act′,  x̂ = (x − μ)/√(σ² + ε),  dw = Σ dz·x̂,  db = Σ dz
///     dx = w/√(σ² + ε) · (dz − db/n − x̂·dw/n),  dr = dz
package struct BatchNorm: Operation {
  let epsilon: Float
  /// ReLU in the same pass.
  var rectifies = false
  /// Adds the last input in the same pass.
  var adds = false

  package init(epsilon: Float) { self.epsilon = epsilon }

  package var name: String {
    "batchnorm" + (adds ? " + add" : "") + (rectifies ? " + relu" : "")
  }
  package var images: ImageUse { .channelsLast(images: 1) }
  /// Where y is a sum it tells where ReLU let through; else that follows from x.
  package var backwardReads: BackwardReads { adds ? [.inputs, .output] : .inputs }

  package func fusedWithAddition() -> (any Operation)? {
    guard !adds, !rectifies else { return nil }
    var result = self
    result.adds = true
    return result
  }

  package func fused(with activation: Activation) -> (any Operation)? {
    guard activation == .relu, !rectifies else { return nil }
    var result = self
    result.rectifies = true
    return result
  }

  package func outputShape(_ inputs: [Shape]) throws(ShapeMismatch) -> Shape {
    try checkNorm(Array(inputs.prefix(5)))
    return inputs[0]
  }

  package func compile(_ site: Site) throws -> CompiledOperation {
    let channels = site.inputShapes[0][1]
    let rows = site.outputShape.count / channels
    let state = NormState(
      site.scratch(bytes: NormState.bytes(channels), during: .both), channels)
    let sums = site.scratch(bytes: 2 * 8 * channels, during: .forward)
    guard let upstream = site.outputGradient else {
      return CompiledOperation(forward: evaluation(site, state, rows: rows))
    }

    let (epsilon, rectifies, adds) = (epsilon, rectifies, adds)
    // The running statistics' places: parameters all, so each has a gradient.
    let statistics = site.inputGradients[3...4].compactMap { $0?.buffer }
    let forward = ClosureKernel(
      [site.inputs[0], site.inputs[1], site.inputs[2], state.buffer, sums, site.output]
        + statistics + (adds ? [site.inputs[5]] : [])
    ) { pointers in
      let sums = UnsafeMutableRawPointer(pointers[4]).assumingMemoryBound(to: Double.self)
      ck_channel_moments(pointers[0], rows, channels, sums, sums + channels)
      let place = state.place(pointers[3])
      for channel in 0..<channels {
        let (mean, squares) = (sums[channel], sums[channels + channel])
        place.set(
          channel, mean: mean, variance: squares / Double(rows), epsilon: epsilon,
          weight: pointers[1][channel])
        let count = rows < 2 ? 0 : Double(rows)
        pointers[6][channel] = Float(count * mean)
        pointers[7][channel] = rows < 2 ? 0 : Float(count * (squares / Double(rows - 1)))
      }
      ck_scale_channels(
        pointers[0], place.mean, place.scale, pointers[2], adds ? pointers[8] : nil, pointers[5],
        rows, channels, rectifies ? 1 : 0)
    }
    var backward = [backward(site, state, upstream, rows: rows)]
    if adds {
      if rectifies { backward.insert(reluMask(gradient: upstream, output: site.output), at: 0) }
      if let target = site.inputGradients[5] {
        backward.append(copyOrAdd(upstream, to: target, count: site.outputShape.count))
      }
    }
    return CompiledOperation(forward: [forward], backward: backward)
  }

  private func evaluation(_ site: Site, _ state: NormState, rows: Int) -> [any Kernel] {
    let (epsilon, rectifies, adds, channels) = (epsilon, rectifies, adds, state.channels)
    return [
      ClosureKernel([state.buffer, site.output] + site.inputs) { pointers in
        let (place, pointers, output) = (state.place(pointers[0]), pointers + 2, pointers[1])
        for channel in 0..<channels {
          place.set(
            channel, mean: Double(pointers[3][channel]), variance: Double(pointers[4][channel]),
            epsilon: epsilon, weight: pointers[1][channel])
        }
        ck_scale_channels(
          pointers[0], place.mean, place.scale, pointers[2], adds ? pointers[5] : nil, output,
          rows, channels, rectifies ? 1 : 0)
      }
    ]
  }

  private func backward(
    _ site: Site, _ state: NormState, _ upstream: Buffer, rows: Int
  ) -> any Kernel {
    let channels = state.channels
    let sums = site.scratch(bytes: 2 * 8 * channels, during: .backward)
    let lines = site.scratch(bytes: 2 * 4 * channels, during: .backward)
    let targets = site.inputGradients[0...2].map { $0 }
    let accumulates = targets.map { $0?.accumulates ?? false }
    // Of a sum the gradient is masked beforehand.
    let rectifies: Int32 = rectifies && !adds ? 1 : 0
    let hasInput = targets[0] != nil
    return ClosureKernel(
      [site.inputs[0], upstream, site.inputs[2], sums, lines]
        + [targets[1], targets[2]].compactMap { $0?.buffer } + [state.buffer]
        + [targets[0]].compactMap { $0?.buffer }
    ) { pointers in
      let place = state.place(pointers[7])
      var norm = ck_norm_rows(
        x: pointers[0], dy: pointers[1], mean: place.mean, scale: place.scale, bias: pointers[2],
        rows: rows, channels: channels, rectifies: rectifies)
      let sums = UnsafeMutableRawPointer(pointers[3]).assumingMemoryBound(to: Double.self)
      ck_norm_sums(&norm, sums, sums + channels)
      let (slope, offset) = (pointers[4], pointers[4] + channels)
      for channel in 0..<channels {
        let inverse = Double(place.inverse[channel])
        let (sum, product) = (sums[channel], sums[channels + channel])
        let (weight, bias) = (Float(product * inverse), Float(sum))
        pointers[5][channel] = accumulates[1] ? pointers[5][channel] + weight : weight
        pointers[6][channel] = accumulates[2] ? pointers[6][channel] + bias : bias
        let scale = Double(place.scale[channel])
        slope[channel] = Float(-scale * inverse * inverse * product / Double(rows))
        offset[channel] = Float(-scale * sum / Double(rows))
      }
      if hasInput { ck_norm_backward(&norm, slope, offset, pointers[8], accumulates[0] ? 1 : 0) }
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
