import Basics

/// Which rows are learned from and which are held back to choose by.
package struct DataSplit: Sendable {
  package let trainCount: Int
  package let validationCount: Int
  /// The part validation rows are in: their own, or `train`.
  package let validationPart: DatasetPart
  /// Present where validation rows are drawn from the training part.
  private let permutation: KeyedPermutation?

  /// Holds back ⌊trainRows·validationFraction⌋ rows, at least one of two, unless the data brings
  /// validation rows of its own.
  ///
  /// - Parameter shuffle: draws them by a keyed permutation; otherwise they are the last ones.
  /// - Throws: `Failure.usage` for a fraction outside [0, 1).
  package init(
    trainRows: Int, explicitValidationRows: Int, validationFraction: Double, seed: UInt64,
    shuffle: Bool
  ) throws {
    guard validationFraction >= 0, validationFraction < 1 else {
      throw Failure.usage("val-fraction: expected 0 ≤ fraction < 1, found \(validationFraction)")
    }
    precondition(trainRows >= 0 && explicitValidationRows >= 0)
    guard explicitValidationRows == 0 else {
      (trainCount, validationCount) = (trainRows, explicitValidationRows)
      (validationPart, permutation) = (.validation, nil)
      return
    }
    let wanted = Int((Double(trainRows) * validationFraction).rounded(.down))
    let least = validationFraction > 0 && trainRows >= 2 ? 1 : 0
    validationCount = max(least, min(wanted, trainRows - 1))
    trainCount = trainRows - validationCount
    validationPart = .train
    permutation =
      shuffle && validationCount > 0
      ? KeyedPermutation(count: trainRows, seed: seed, purpose: .split) : nil
  }

  /// The row of the training part at `position` in 0 ..< trainCount.
  package func trainRow(at position: Int) -> Int {
    precondition(position >= 0 && position < trainCount, "position outside the training rows")
    return permutation?(validationCount + position) ?? position
  }

  /// Positions in 0 ..< trainCount become rows of the training part.
  package func mapToTrainRows(_ positions: UnsafeMutableBufferPointer<UInt64>) {
    guard let permutation else { return }
    for index in positions.indices { positions[index] += UInt64(validationCount) }
    permutation.apply(to: positions)
  }

  /// The row of `validationPart` at `position` in 0 ..< validationCount.
  package func validationRow(at position: Int) -> Int {
    precondition(position >= 0 && position < validationCount, "position outside validation")
    return permutation?(position) ?? (validationPart == .train ? trainCount + position : position)
  }
}

/// The order of one epoch: a keyed permutation of the training positions that any rank evaluates
/// anywhere, or the order of the data.
package struct EpochOrder: Sendable {
  package let count: Int
  private let permutation: KeyedPermutation?

  package init(count: Int, seed: UInt64, epoch: Int, shuffle: Bool) {
    self.count = count
    permutation =
      shuffle
      ? KeyedPermutation(
        count: count, seed: seed, purpose: .epochOrder, stream: UInt64(truncatingIfNeeded: epoch))
      : nil
  }

  /// Positions in 0 ..< count of the epoch become training positions.
  package func apply(to positions: UnsafeMutableBufferPointer<UInt64>) {
    permutation?.apply(to: positions)
  }
}
