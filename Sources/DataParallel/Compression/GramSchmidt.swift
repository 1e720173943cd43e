import Basics

/// The modified Gram-Schmidt process, in double.
final class GramSchmidt {
  private let rest: AlignedBuffer<Double>
  /// Less than this share of a vector is left over by the rounding of its floats alone.
  private static let threshold = 1e-6

  init(longest: Int) { rest = AlignedBuffer(count: longest) }

  /// `vectors` of `count` elements, one behind another, become orthonormal in their order. One that
  /// depends on those before becomes zero.
  func orthonormalize(_ p: UnsafeMutablePointer<Float>, count: Int, vectors: Int) {
    let rest = rest.pointer
    for vector in 0..<vectors {
      let own = p + vector * count
      var length = 0.0
      for element in 0..<count {
        rest[element] = Double(own[element])
        length += rest[element] * rest[element]
      }
      // Twice: the units were rounded to floats, and what little is left of a vector that nearly
      // depends on them would keep a part of their direction.
      for pass in 0..<(2 * vector) {
        let unit = p + pass % vector * count
        var share = 0.0
        for element in 0..<count { share += Double(unit[element]) * rest[element] }
        for element in 0..<count { rest[element] -= share * Double(unit[element]) }
      }
      var left = 0.0
      for element in 0..<count { left += rest[element] * rest[element] }
      let limit = Self.threshold * length.squareRoot()
      // A NaN stays one: it must be seen.
      let isDependent = left.squareRoot() <= limit
      let factor = isDependent ? 0 : 1 / left.squareRoot()
      for element in 0..<count { own[element] = isDependent ? 0 : Float(factor * rest[element]) }
    }
  }
}
