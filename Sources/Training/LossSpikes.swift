/// Finds losses far above those of the steps before.
///
/// z = (loss − mean)/deviation over the last 128 steps; a spike is z above 6 after at least 32
/// steps. Few enough steps that the mean follows a falling loss, many enough for a deviation; by
/// chance alone a normal number is above 6 once in 10⁹ steps. It is saved with the run, so that a
/// resumed one finds the same.
package struct LossSpikes: Sendable, Equatable, Codable {
  package struct Spike: Sendable, Equatable {
    /// z.
    package let deviations: Double
    /// Where a person is to be told: how many spikes nobody was told of before it. A model that
    /// knows its data by heart has one whenever a rare row comes.
    package let untold: Int?
  }

  private static let window = 128
  private static let fewest = 32
  private static let threshold = 6.0
  /// Steps from one that is told to the next.
  private static let silence = 1000

  /// The oldest stands at `next`, once there are 128.
  private var losses: [Float] = []
  private var next = 0
  private var lastTold: Int?
  private var untold = 0

  package init() { losses.reserveCapacity(Self.window) }

  /// Takes the loss of one step; one that is not finite is not remembered.
  package mutating func observe(_ loss: Float, step: Int) -> Spike? {
    guard loss.isFinite else { return nil }
    let z = score(Double(loss))
    if losses.count < Self.window {
      losses.append(loss)
    } else {
      losses[next] = loss
      next = (next + 1) % Self.window
    }
    guard let z, z > Self.threshold else { return nil }
    if let lastTold, step - lastTold < Self.silence {
      untold += 1
      return Spike(deviations: z, untold: nil)
    }
    defer { (lastTold, untold) = (step, 0) }
    return Spike(deviations: z, untold: untold)
  }

  private func score(_ loss: Double) -> Double? {
    guard losses.count >= Self.fewest else { return nil }
    let count = Double(losses.count)
    let mean = losses.reduce(0) { $0 + Double($1) } / count
    let variance =
      losses.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count
    // Losses that are all alike have no deviation to measure by.
    return variance > 0 ? (loss - mean) / variance.squareRoot() : nil
  }

  /// Whether a file's numbers are ones that `observe` leaves after `step`.
  func isValid(at step: Int) -> Bool {
    losses.count <= Self.window && losses.allSatisfy(\.isFinite)
      && (0..<max(1, losses.count)).contains(next) && (next == 0 || losses.count == Self.window)
      && (0...step).contains(lastTold ?? 0) && (0...step).contains(untold)
  }
}
