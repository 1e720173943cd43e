import DataParallel

/// What a training step costs on any number of equal hosts.
///
///     compute + max(last bucket, sums − backward) + gather + update / N + 3 · latency
///
/// where `sums` and `gather` are each (N−1)/N · 4 · parameters / bandwidth: every host sends its
/// sums of the other hosts' slices, hidden behind backward but for the last bucket, and then its
/// slice of the parameters. What it leaves out: the switch (all hosts send at full rate at once),
/// ranks that differ in speed, and the cost of a message to a processor, some microseconds a
/// host and bucket.
package struct ScaleModel: Sendable, Equatable {
  /// Seconds of a rank's forward and backward pass.
  package var compute: Double
  /// Seconds of adding up and updating on one host.
  package var update: Double
  package var parameters: Int
  /// Bytes a second that a host sends, and at once receives.
  package var bandwidth: Double
  /// Seconds a small message takes.
  package var latency: Double
  /// Bytes of gradients that travel together.
  package var bucket = Double(RankGroup.bucketMebibytes << 20)

  package init(
    compute: Double, update: Double, parameters: Int, bandwidth: Double, latency: Double
  ) {
    self.compute = compute
    self.update = update
    self.parameters = parameters
    self.bandwidth = bandwidth
    self.latency = latency
  }

  /// Backward takes two of the three products of a step.
  private static let backwardShare = 2.0 / 3

  /// Seconds a step on `hosts` hosts; the batch grows with them.
  package func step(hosts: Int) -> Double {
    guard hosts > 1 else { return compute + update }
    let count = Double(hosts)
    let bytes = 4 * Double(parameters) * (count - 1) / count
    let sums = bytes / bandwidth
    let bucket = bucket * (count - 1) / count
    let lastBucket = min(bytes, bucket) / bandwidth
    let exposed = max(lastBucket, sums - compute * Self.backwardShare)
    return compute + exposed + sums + update / count + 3 * latency
  }

  /// The share of `hosts` times one host's speed that is reached.
  package func efficiency(hosts: Int) -> Double { step(hosts: 1) / step(hosts: hosts) }
}
