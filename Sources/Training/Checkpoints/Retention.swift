/// Which checkpoints are kept when a new one has been written and verified.
package struct Retention: Sendable, Equatable {
  /// So many of the last.
  let last: Int
  /// Those with the best figures.
  let best: [Int]
  /// Every multiple of it, for ever, or the first step after one at which a save is possible.
  let every: Int?
  /// Saves are possible at its multiples only.
  let roundSteps: Int

  package init(last: Int, best: [Int], every: Int?, roundSteps: Int = 1) {
    self.last = last
    self.best = best
    self.every = every
    self.roundSteps = roundSteps
  }

  /// Those of `steps`, ascending, that are to go.
  package func superfluous(_ steps: [Int]) -> [Int] {
    steps.dropLast(last).filter { step in
      !best.contains(step) && every.map { step / $0 == (step - roundSteps) / $0 } ?? true
    }
  }
}
