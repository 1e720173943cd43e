import Basics
import Glibc

/// Normal noise on the gradient, annealed: deviation √(η/(1 + t)^γ), γ = 0.55.
///
/// Each element's noise is a pure function of (seed, step, element), whoever adds it.
///
/// Source: Neelakantan et al., arXiv 1511.06807.
package enum GradientNoise {
  /// For rank 0, which tells the others: a power's last bit may differ between hosts.
  package static func deviation(_ eta: Double, step: Int) -> Float {
    Float((eta / pow(1 + Double(step), 0.55)).squareRoot())
  }

  /// - Parameter range: the elements of the arena that `gradient` begins.
  package static func add(
    to gradient: UnsafeMutablePointer<Float>, _ range: Range<Int>, deviation: Float, step: Int,
    seed: UInt64
  ) {
    let random = Philox(seed: seed, purpose: .gradientNoise, stream: UInt64(step))
    for (place, element) in range.enumerated() {
      gradient[place] += deviation * random.normal(UInt64(element))
    }
  }
}
