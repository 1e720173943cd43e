import Basics
import CKernels
import Optimizers
import TestSupport
import Testing

@Suite struct ClippingTests {
  /// The 2-norm as a step finds it: squares summed block by block, blocks added in pairs.
  private func norm(_ gradients: [[Float]], blockLength: Int) -> Double {
    let blocks = gradients.flatMap { gradient in
      stride(from: 0, to: gradient.count, by: blockLength).map { start in
        ck_sum_squares(
          Array(gradient[start..<min(start + blockLength, gradient.count)]),
          min(blockLength, gradient.count - start))
      }
    }
    return pairwiseSum(blocks).squareRoot()
  }

  @Test(arguments: [0.5, 100], [1, 3, 4096]) func byNormFollowsPyTorch(
    _ limit: Double, blockLength: Int
  ) throws {
    let golden = try Golden("clipping")
    let gradients = (0..<3).map { golden["g\($0)"] }
    let norm = norm(gradients, blockLength: blockLength)
    #expect(relativeError([norm], golden["norm\(limit)"].map(Double.init)) <= 1e-6)
    let clipping = Clipping(norm: limit)
    let factor = clipping.factor(norm: norm)
    #expect((factor == 1) == (limit == 100))
    for (index, gradient) in gradients.enumerated() {
      var clipped = gradient
      clipping.apply(&clipped, count: clipped.count, factor: factor)
      #expect(relativeError(clipped, golden["clipped\(limit)_\(index)"]) <= 1e-6)
      if limit == 100 { #expect(sameBits(clipped, gradient)) }
    }
  }

  @Test func byValue() {
    var gradient: [Float] = [-3, -0.5, -0.25, 0, 0.25, 0.5, 3, .infinity, -.infinity, .nan]
    Clipping(value: 0.5).apply(&gradient, count: gradient.count, factor: 1)
    #expect(gradient.dropLast() == [-0.5, -0.5, -0.25, 0, 0.25, 0.5, 0.5, 0.5, -0.5])
    #expect(gradient.last?.isNaN == true)
  }

  @Test func normComesBeforeValueAndNeitherIsNothing() {
    var both: [Float] = [3, 4]
    let clipping = Clipping(norm: 1, value: 0.7)
    clipping.apply(&both, count: 2, factor: clipping.factor(norm: 5))
    #expect(abs(both[0] - 0.6) < 1e-6 && both[1] == 0.7)

    var none: [Float] = [3, -4, .greatestFiniteMagnitude]
    Clipping().apply(&none, count: 3, factor: Clipping().factor(norm: .infinity))
    #expect(none == [3, -4, .greatestFiniteMagnitude])
  }

  /// arXiv 2102.06171, equation 3, with the parameters' norm at least 1e-3.
  @Test func byRatioOfAUnitsNorms() {
    let clipping = Clipping(ratio: 0.01)
    #expect(clipping.needsNorms)
    #expect(clipping.unitFactor(gradient: 0.02, parameters: 1) == 0.5)
    #expect(clipping.unitFactor(gradient: 0.01, parameters: 1) == 1)
    #expect(clipping.unitFactor(gradient: 0, parameters: 0) == 1)
    #expect(clipping.unitFactor(gradient: 1, parameters: 0) == 1e-5)
    #expect(Clipping().unitFactor(gradient: 1, parameters: 0) == 1)
    #expect(!Clipping(value: 1).needsNorms)
  }

  @Test func noNormIsNoDivisionByZero() {
    #expect(Clipping(norm: 0.5).factor(norm: 0) == 1)
  }

  @Test func kernelsReachEveryElement() {
    for count in [0, 1, 15, 16, 17, 4095, 4097, 8193] {
      var values = randomValues(count, stream: UInt64(count))
      let squares = values.reduce(0) { $0 + Double($1) * Double($1) }
      let absolutes = values.reduce(0) { $0 + abs(Double($1)) }
      #expect(abs(ck_sum_squares(values, count) - squares) <= 1e-12 * squares)
      #expect(abs(ck_sum_absolutes(values, count) - absolutes) <= 1e-12 * absolutes)
      #expect(ck_all_finite(values, count) == 1)
      for place in Set([0, count / 2, count - 1]) where count > 0 {
        for bad in [Float.nan, .infinity, -.infinity] {
          let good = values[place]
          values[place] = bad
          #expect(ck_all_finite(values, count) == 0, "\(bad) at \(place) of \(count)")
          values[place] = good
        }
      }
    }
  }

  /// The last addition, the division and the norm in one pass are the bits of three, in place or
  /// not.
  @Test func meansAreSumsDividedOnce() {
    for count in [0, 1, 15, 16, 17, 4095, 4097] {
      let a = randomValues(count, stream: 1)
      let b = randomValues(count, stream: 2)
      for (second, sum) in [(b, zip(a, b).map { $0 + $1 }), (nil, a)] {
        let expected = sum.map { $0 / 7 }
        var out = [Float](repeating: .nan, count: count)
        var inPlace = a
        let squares = ck_mean(&out, a, second, 7, count)
        #expect(sameBits(out, expected) && squares == ck_sum_squares(expected, count))
        #expect(
          inPlace.withUnsafeMutableBufferPointer {
            ck_mean($0.baseAddress, $0.baseAddress, second, 7, count)
          } == squares)
        #expect(sameBits(inPlace, expected))
        var total = a
        total.withUnsafeMutableBufferPointer { ck_add($0.baseAddress, $0.baseAddress, b, count) }
        #expect(sameBits(total, zip(a, b).map { $0 + $1 }))
      }
    }
  }
}
