/// The learning rate as a pure function of the optimizer step, so that a resumed run and any rank
/// find the same number: a linear warm-up, then one shape or several in turn.
package struct Schedule: Sendable {
  /// A shape from `start` to the next piece's.
  package struct Piece: Sendable {
    package let shape: any ScheduleShape
    package let start: Int
    package let length: Int
    /// 1, or the steps of an epoch where t counts epochs.
    let stepsPerUnit: Int

    /// t and T of the shape's formula.
    func time(at step: Int) -> (t: Double, total: Double) {
      let total = (Double(length) / Double(stepsPerUnit)).rounded(.up)
      return (Double((step - start) / stepsPerUnit), max(1, total))
    }
  }

  package let baseRate: Double
  /// Steps of linear warm-up lr₀·(t + 1)/warm-up in front; never a zero rate.
  package let warmupSteps: Int
  /// Steps of the whole run.
  package let totalSteps: Int
  /// Never empty; the first starts after the warm-up, the last goes on for ever.
  package let pieces: [Piece]

  /// The rate in force for step `step` (0 for the first).
  package func rate(at step: Int) -> Double {
    if step < warmupSteps { return baseRate * Double(step + 1) / Double(warmupSteps) }
    let piece = piece(at: step)
    let (t, total) = piece.time(at: step)
    return piece.shape.rate(t, of: total, base: baseRate)
  }

  /// Momentum (β₁ of Adam's kin) where the schedule moves it too, else nil.
  package func momentum(at step: Int) -> Double? {
    if step < warmupSteps { return nil }
    let piece = piece(at: step)
    let (t, total) = piece.time(at: step)
    return piece.shape.momentum(t, of: total)
  }

  /// Whether it moves momentum at all.
  package var movesMomentum: Bool { pieces.contains { $0.shape.momentum(0, of: 1) != nil } }

  /// What reduces the rate when the validation figure no longer improves.
  package var plateau: ReduceOnPlateau? { pieces[0].shape as? ReduceOnPlateau }

  private func piece(at step: Int) -> Piece {
    pieces.last { $0.start <= step } ?? pieces[0]
  }
}
