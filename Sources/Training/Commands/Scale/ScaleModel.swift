import DataParallel

/// What a training step costs on any number of equal hosts.
///
///     compute + max(last bucket, sums − backward) + gather + update / N + 3 · latency
///
/// where `sums` is (N−1)/N · bytes of a gradient / bandwidth and `gather` (N−1)/N · 4 · parameters /
/// bandwidth: every host sends its sums of the other hosts' slices, during backward but for the
/// last bucket, and then its slice of the parameters. `backward` is what can hide them: without
/// the kernel that makes most of the gradient at once, since none of that leaves before its end.
/// PowerSGD's factors go to every host, after backward and in two messages:
///
///     compute + (N−1) · bytes / bandwidth + gather + update / N + 4 · latency
///
/// What it leaves out: the switch (all hosts send at full rate at once), ranks that differ in speed,
/// what a compression calculates, and the cost of a message to a processor, some microseconds a host
/// and bucket.
package struct ScaleModel: Sendable, Equatable {
  /// Seconds of a rank's forward and backward pass.
  package var compute: Double
  /// Seconds of adding up and updating on one host.
  package var update: Double
  package var parameters: Int
  /// Of those, the most whose gradients become final at once.
  package var largestFinalPiece = 0
  /// Bytes a second that a host sends, and at once receives.
  package var bandwidth: Double
  /// Seconds a small message takes.
  package var latency: Double
  /// Bytes of gradients that travel together, as float32.
  package var bucket = Double(RankGroup.bucketMebibytes << 20)
  package var sums: Sums

  /// How a host's sums of a gradient, some bytes, reach other hosts.
  package enum Sums: Sendable, Equatable {
    /// Each slice to its owner.
    case slices(bytes: Int)
    /// All of them to everybody.
    case factors(bytes: Int)
  }

  package init(
    compute: Double, update: Double, parameters: Int, bandwidth: Double, latency: Double
  ) {
    self.compute = compute
    self.update = update
    self.parameters = parameters
    self.bandwidth = bandwidth
    self.latency = latency
    sums = .slices(bytes: 4 * parameters)
  }

  /// Backward takes two of the three products of a step.
  private static let backwardShare = 2.0 / 3

  /// Seconds a step on `hosts` hosts; the batch grows with them.
  package func step(hosts: Int) -> Double {
    guard hosts > 1 else { return compute + update }
    let others = Double(hosts - 1)
    let share = others / Double(hosts)
    let plainBytes = 4 * Double(parameters)
    let gather = plainBytes * share / bandwidth
    let rest = compute + gather + update / Double(hosts) + 3 * latency
    switch sums {
    case .slices(let bytes):
      let seconds = Double(bytes) * share / bandwidth
      let lastBucket = seconds * min(1, bucket / plainBytes)
      let hiding =
        compute * Self.backwardShare * Double(parameters - largestFinalPiece) / Double(parameters)
      return rest + max(lastBucket, seconds - hiding)
    case .factors(let bytes):
      return rest + Double(bytes) * others / bandwidth + latency
    }
  }

  /// The share of `hosts` times one host's speed that is reached.
  package func efficiency(hosts: Int) -> Double { step(hosts: 1) / step(hosts: hosts) }
}
