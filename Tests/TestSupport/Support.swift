package import Basics

/// max|a − b| / max|b|; infinite where a value is missing or not finite.
package func relativeError(_ a: some Sequence<Float>, _ b: some Sequence<Float>) -> Double {
  relativeError(a.map(Double.init), b.map(Double.init))
}

package func relativeError(_ a: [Double], _ b: [Double]) -> Double {
  guard a.count == b.count, (a + b).allSatisfy(\.isFinite) else { return .infinity }
  let difference = zip(a, b).map { abs($0 - $1) }.max() ?? 0
  let scale = b.map { abs($0) }.max() ?? 0
  return difference == 0 ? 0 : difference / scale
}

/// ‖a − b‖ / ‖b‖ in the 2-norm; infinite as above.
package func normwiseError(_ a: [Float], _ b: [Float]) -> Double {
  guard a.count == b.count, (a + b).allSatisfy(\.isFinite) else { return .infinity }
  func norm(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
  return norm(zip(a, b).map { Double($0) - Double($1) }) / norm(b.map(Double.init))
}

/// Equal bit for bit, which `==` is not for NaN and −0.
package func sameBits(_ a: some Sequence<Float>, _ b: some Sequence<Float>) -> Bool {
  a.map(\.bitPattern) == b.map(\.bitPattern)
}

/// The failure that `body` throws; nil where it throws none, or something else.
package func failure(_ body: () throws -> Void) -> Failure? {
  do {
    try body()
    return nil
  } catch {
    return error as? Failure
  }
}

/// Normal numbers that depend on `stream` alone.
package func randomValues(_ count: Int, stream: UInt64, scale: Float = 1) -> [Float] {
  let random = Philox(seed: 7, purpose: .test, stream: stream)
  return (0..<count).map { random.normal(UInt64($0)) * scale }
}
