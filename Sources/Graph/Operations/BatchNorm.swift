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
    guard let upstream = site.outputGradient else {
      return CompiledOperation(forward: [evaluation(site, state, rows: rows)])
    }
    let forward = training(site, state, rows: rows)
    var backward = [backward(site, state, upstream, rows: rows)]
    if adds {
      if rectifies { backward.insert(reluMask(gradient: upstream, output: site.output), at: 0) }
      if let target = site.inputGradients[5] {
        backward.append(copyOrAdd(upstream, to: target, count: site.outputShape.count))
      }
    }
    return CompiledOperation(forward: [forward], backward: backward)
  }

  private func training(_ site: Site, _ state: NormState, rows: Int) -> any Kernel {
    guard let meanPlace = site.inputGradients[3]?.buffer,
      let variancePlace = site.inputGradients[4]?.buffer
    else { preconditionFailure("running statistics are parameters, which have gradients") }
    let (epsilon, rectifies, channels) = (epsilon, rectifies, state.channels)
    var arguments = KernelArguments()
    let x = arguments.add(site.inputs[0])
    let weight = arguments.add(site.inputs[1])
    let bias = arguments.add(site.inputs[2])
    let addend = arguments.add(adds ? site.inputs[5] : nil)
    let kept = arguments.add(state.buffer)
    let moments = arguments.add(site.scratch(bytes: 2 * 8 * channels, during: .forward))
    let y = arguments.add(site.output)
    let (leafMean, leafVariance) = (arguments.add(meanPlace), arguments.add(variancePlace))
    return ClosureKernel(arguments.buffers) { pointers in
      let moments = doubles(pointers[moments])
      ck_channel_moments(pointers[x], rows, channels, moments, moments + channels)
      let place = state.place(pointers[kept])
      for channel in 0..<channels {
        let (mean, squares) = (moments[channel], moments[channels + channel])
        place.set(
          channel, mean: mean, variance: squares / Double(rows), epsilon: epsilon,
          weight: pointers[weight][channel])
        let count = rows < 2 ? 0 : Double(rows)
        pointers[leafMean][channel] = Float(count * mean)
        pointers[leafVariance][channel] =
          rows < 2 ? 0 : Float(count * (squares / Double(rows - 1)))
      }
      ck_scale_channels(
        pointers[x], place.mean, place.scale, pointers[bias], addend.map { pointers[$0] },
        pointers[y], rows, channels, rectifies ? 1 : 0)
    }
  }

  private func evaluation(_ site: Site, _ state: NormState, rows: Int) -> any Kernel {
    let (epsilon, rectifies, channels) = (epsilon, rectifies, state.channels)
    var arguments = KernelArguments()
    let x = arguments.add(site.inputs[0])
    let weight = arguments.add(site.inputs[1])
    let bias = arguments.add(site.inputs[2])
    let (mean, variance) = (arguments.add(site.inputs[3]), arguments.add(site.inputs[4]))
    let addend = arguments.add(adds ? site.inputs[5] : nil)
    let kept = arguments.add(state.buffer)
    let y = arguments.add(site.output)
    return ClosureKernel(arguments.buffers) { pointers in
      let place = state.place(pointers[kept])
      for channel in 0..<channels {
        place.set(
          channel, mean: Double(pointers[mean][channel]),
          variance: Double(pointers[variance][channel]), epsilon: epsilon,
          weight: pointers[weight][channel])
      }
      ck_scale_channels(
        pointers[x], place.mean, place.scale, pointers[bias], addend.map { pointers[$0] },
        pointers[y], rows, channels, rectifies ? 1 : 0)
    }
  }

  private func backward(
    _ site: Site, _ state: NormState, _ upstream: Buffer, rows: Int
  ) -> any Kernel {
    let channels = state.channels
    // Of a sum the gradient is masked beforehand.
    let rectifies: Int32 = rectifies && !adds ? 1 : 0
    var arguments = KernelArguments()
    let x = arguments.add(site.inputs[0])
    let bias = arguments.add(site.inputs[2])
    let dy = arguments.add(upstream)
    let kept = arguments.add(state.buffer)
    let sums = arguments.add(site.scratch(bytes: 2 * 8 * channels, during: .backward))
    let lines = arguments.add(site.scratch(bytes: 2 * 4 * channels, during: .backward))
    let dx = arguments.add(site.inputGradients[0])
    let dw = arguments.add(site.inputGradients[1])
    let db = arguments.add(site.inputGradients[2])
    return ClosureKernel(arguments.buffers) { pointers in
      let place = state.place(pointers[kept])
      var norm = ck_norm_rows(
        x: pointers[x], dy: pointers[dy], mean: place.mean, scale: place.scale,
        bias: pointers[bias], rows: rows, channels: channels, rectifies: rectifies)
      let sums = doubles(pointers[sums])
      ck_norm_sums(&norm, sums, sums + channels)
      let (slope, offset) = (pointers[lines], pointers[lines] + channels)
      for channel in 0..<channels {
        let inverse = Double(place.inverse[channel])
        let (sum, product) = (sums[channel], sums[channels + channel])
        dw?.deliver(Float(product * inverse), at: channel, pointers)
        db?.deliver(Float(sum), at: channel, pointers)
        let scale = Double(place.scale[channel])
        slope[channel] = Float(-scale * inverse * inverse * product / Double(rows))
        offset[channel] = Float(-scale * sum / Double(rows))
      }
      if let dx { ck_norm_backward(&norm, slope, offset, pointers[dx.index], dx.adds) }
    }
  }
}
