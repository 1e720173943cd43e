/// Finds losses far above those of the steps before.
///
/// z = (loss − mean)/deviation over the last 128 steps; a spike is z above 6 after at least 32
/// steps. For reports only: it begins empty after a resume.
package struct LossSpikes: Sendable {
  private static let window = 128
  private static let fewest = 32
  private static let threshold = 6.0

  private var losses: [Double] = []
  private var next = 0

  package init() { losses.reserveCapacity(Self.window) }

  /// Takes the loss of one step; one that is not finite is not remembered.
  /// - Returns: z where the loss is a spike.
  package mutating func observe(_ loss: Double) -> Double? {
    guard loss.isFinite else { return nil }
    let z = score(loss)
    if losses.count < Self.window {
      losses.append(loss)
    } else {
      losses[next] = loss
      next = (next + 1) % Self.window
    }
    return z.flatMap { $0 > Self.threshold ? $0 : nil }
  }

  private func score(_ loss: Double) -> Double? {
    guard losses.count >= Self.fewest else { return nil }
    let count = Double(losses.count)
    let mean = losses.reduce(0, +) / count
    let variance = losses.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
    // Losses that are all alike have no deviation to measure by.
    return variance > 0 ? (loss - mean) / variance.squareRoot() : nil
  }
}
