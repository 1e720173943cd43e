import CKernels
import TestSupport
import Testing

@Suite struct MetricTests {
  /// Ties go to the first; what does not count, and NaN, are never right.
  @Test func labels() {
    let outputs: [Float] = [
      1, 3, 3, 0, /**/ 2, 2, 2, 2, /**/ 0, 0, 9, 1, /**/ 5, 6, 7, 8, /**/ .nan, 0, 1, 0, /**/ 4, 3,
      2, 1,
    ]
    let labels: [Int32] = [2, 0, 2, -100, 0, 3]
    func near(_ k: Int) -> Int { ck_count_near(outputs, labels, 6, 4, k) }
    #expect([1, 2, 3, 4].map(near) == [2, 3, 3, 4])
    var sums = ck_metric_sums()
    ck_class_metrics(outputs, labels, 6, 4, &sums)
    #expect(sums.count == 5 && sums.correct == 2)
    var largest = [Int32](repeating: 9, count: 6)
    ck_largest(outputs, &largest, 6, 4)
    #expect(largest == [1, 0, 2, 3, 0, 0])
  }

  @Test func probabilities() {
    var sums = ck_metric_sums()
    ck_binary_metrics([-1, 0, 0.1, 3, .nan], [0, 0.5, 1, 0.2, 1], 5, &sums)
    #expect(sums.count == 5 && sums.correct == 3)
  }

  @Test(arguments: [1, 7, 16, 37, 1000]) func values(_ count: Int) {
    let predictions = randomValues(count, stream: 1)
    let targets = randomValues(count, stream: 2).map { $0 + 1000 }
    var sums = ck_metric_sums()
    ck_value_metrics(predictions, targets, count, &sums)
    let pairs = zip(predictions, targets).map { Double($0) - Double($1) }
    let mean = targets.reduce(0) { $0 + Double($1) } / Double(count)
    let spread = targets.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
    let expected = [
      pairs.reduce(0) { $0 + abs($1) }, pairs.reduce(0) { $0 + $1 * $1 }, mean, spread,
    ]
    for (found, expected) in zip([sums.absolute, sums.squared, sums.mean, sums.spread], expected) {
      #expect(abs(found - expected) <= 1e-12 * expected)
    }
    #expect(sums.count == Double(count))
  }
}
