import Testing
import Training

@Suite struct ScaleModelTests {
  /// 10 ms of compute, 1 ms of update, 4 MB of gradients.
  private func model(
    bandwidth: Double, latency: Double = 0, parameters: Int = 1_000_000
  ) -> ScaleModel {
    ScaleModel(
      compute: 0.010, update: 0.001, parameters: parameters, bandwidth: bandwidth,
      latency: latency)
  }

  @Test func oneHostPaysNoNetwork() {
    #expect(model(bandwidth: 1).step(hosts: 1) == 0.011)
    #expect(model(bandwidth: 1).efficiency(hosts: 1) == 1)
  }

  @Test func aFastNetworkLeavesComputeAndUpdate() {
    #expect(abs(model(bandwidth: 1e15).step(hosts: 4) - 0.01025) < 1e-6)
  }

  @Test func aSlowLinkIsTheStep() {
    // Two hosts send 200 MB of sums and 200 MB of parameters; two thirds of compute hide sums.
    let seconds = model(bandwidth: 1e8, parameters: 100_000_000).step(hosts: 2)
    #expect(abs(seconds - (0.010 + 2 - 0.010 * 2 / 3 + 2 + 0.0005)) < 1e-9)
  }

  @Test func theLastBucketIsNeverHidden() {
    // All 2 MB are one bucket: sums and parameters each take 2 ms, though compute takes 10.
    #expect(abs(model(bandwidth: 1e9).step(hosts: 2) - (0.010 + 0.002 + 0.002 + 0.0005)) < 1e-9)
  }

  @Test func theLargestPieceHidesNothing() {
    var wide = model(bandwidth: 1e8, parameters: 100_000_000)
    wide.largestFinalPiece = 75_000_000
    #expect(abs(wide.step(hosts: 2) - (0.010 + 2 - 0.010 * 2 / 3 / 4 + 2 + 0.0005)) < 1e-9)
  }

  @Test func compressedSumsTakeTheirBytes() {
    // Of 400 MB of gradients 200 travel, half of them to the other host; parameters as before.
    var half = model(bandwidth: 1e8, parameters: 100_000_000)
    half.sums = .slices(bytes: 200_000_000)
    #expect(abs(half.step(hosts: 2) - (0.010 + 1 - 0.010 * 2 / 3 + 2 + 0.0005)) < 1e-9)
    // A bucket of 4 MB is as 2 MB on the wire: all but the last one are hidden.
    half = model(bandwidth: 1e9, parameters: 4_000_000)
    half.bucket = 4e6
    half.sums = .slices(bytes: 8_000_000)
    #expect(abs(half.step(hosts: 2) - (0.010 + 0.001 + 0.008 + 0.0005)) < 1e-9)
  }

  @Test func factorsGoToEveryHost() {
    var factors = model(bandwidth: 1e9, latency: 0.001)
    factors.sums = .factors(bytes: 1_000_000)
    // 3 MB of factors and 3 of parameters, nothing hidden, one message more.
    #expect(abs(factors.step(hosts: 4) - (0.010 + 0.003 + 0.003 + 0.00025 + 0.004)) < 1e-9)
    #expect(factors.step(hosts: 1) == 0.011)
  }

  @Test func latencyIsPaidThrice() {
    let slow = model(bandwidth: 1e9, latency: 0.001).step(hosts: 8)
    #expect(abs(slow - model(bandwidth: 1e9).step(hosts: 8) - 0.003) < 1e-9)
  }

  @Test func theDrawingShowsEveryNumberOfHosts() {
    let picture = ScalePicture(model(bandwidth: 1e9), upTo: 20)
    #expect(picture.hosts == [1, 2, 4, 8, 16])
    #expect(picture.table.count == 6)
    #expect(picture.svg.hasPrefix("<svg") && picture.svg.contains(">16</text>"))
  }
}
