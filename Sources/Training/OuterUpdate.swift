import Basics
import CKernels
package import Optimizers

/// The arithmetic of an outer step, block by block: that of DiLoCo (Douillard et al.,
/// arXiv 2311.08105, algorithm 1).
///
/// From θ₀, which all hosts had when they last met, host h of N has come to θ[h]:
///
///     Δ = 1/N · Σ (θ₀ − θ[h])           in the order of the hosts
///     v ← μ·v + Δ
///     θ₀ ← θ₀ − rate·(Δ + μ·v)
///
/// The last two lines are the shared optimizer core's (`SGD`, Nesterov's), with Δ for a gradient.
package final class OuterUpdate {
  /// Where a block as host h has it lies.
  package typealias Copies = (_ host: Int) -> UnsafePointer<Float>

  package let optimizer: any Optimizer
  private let scalars: StepScalars
  private let hosts: Int
  /// Of one block.
  private let difference: AlignedBuffer<Float>
  private let sum: AlignedBuffer<Float>

  /// - Parameters:
  ///   - optimizer: its state begins as zeros.
  ///   - hosts: N.
  ///   - longest: elements of the longest block.
  package init(optimizer: any Optimizer, learningRate: Double, hosts: Int, longest: Int) {
    self.optimizer = optimizer
    // The state is there from the start: the first step is like every other.
    scalars = StepScalars(learningRate: learningRate)
    self.hosts = hosts
    difference = AlignedBuffer(count: longest)
    sum = AlignedBuffer(count: longest)
  }

  /// θ₀ of a block moves.
  /// - Parameters:
  ///   - start: θ₀ `[count]`.
  ///   - state: the optimizer's arrays `[count]`.
  ///   - copies: θ[h] `[count]`.
  package func move(
    _ start: UnsafeMutablePointer<Float>, state: UnsafePointer<UnsafeMutablePointer<Float>>,
    count: Int, copies: Copies
  ) {
    findMeanChange(from: start, count, copies)
    optimizer.update(
      UpdateBlock(
        parameters: start, gradient: sum.pointer, state: state, count: count, weightDecay: 0),
      scalars)
  }

  /// θ₀ of a block that no optimizer moves, a running statistic, becomes the hosts' mean: the same
  /// to the last bit where none has changed.
  package func settle(_ start: UnsafeMutablePointer<Float>, count: Int, copies: Copies) {
    findMeanChange(from: start, count, copies)
    ck_descend(start, sum.pointer, 1, count)
  }

  /// `target` becomes the mean of the hosts' copies, of which it may be one.
  package func average(_ target: UnsafeMutablePointer<Float>, count: Int, copies: Copies) {
    sum.pointer.update(from: copies(0), count: count)
    for host in 1..<hosts { ck_add(sum.pointer, sum.pointer, copies(host), count) }
    _ = ck_mean(target, sum.pointer, nil, Float(hosts), count)
  }

  /// `sum` becomes Δ.
  private func findMeanChange(
    from start: UnsafePointer<Float>, _ count: Int, _ copies: Copies
  ) {
    let sum = sum.pointer
    for host in 0..<hosts {
      let term = host == 0 ? sum : difference.pointer
      ck_subtract(term, start, copies(host), count)
      if host > 0 { ck_add(sum, sum, term, count) }
    }
    _ = ck_mean(sum, sum, nil, Float(hosts), count)
  }
}
