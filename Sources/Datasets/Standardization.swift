import CKernels

/// Shifts and scales each feature to mean 0 and deviation 1 over the training rows.
///
/// Divides by the population's deviation, as scikit-learn's `StandardScaler`; a constant feature is
/// only shifted.
package struct Standardization: Codable, Equatable, Sendable {
  /// `[features]`
  package let mean: [Float]
  /// `[features]`, never 0.
  package let deviation: [Float]

  package init(_ moments: Moments) {
    mean = moments.mean.map { Float($0) }
    deviation = moments.m2.map { m2 in
      let deviation = Float((m2 / moments.count).squareRoot())
      return deviation > 0 ? deviation : 1
    }
  }

  /// (row − mean) / deviation in place. `row` is `[features]`.
  package func apply(to row: UnsafeMutablePointer<Float>) {
    ck_standardize(row, mean, deviation, row, mean.count)
  }
}
