import Basics
import CKernels
import Glibc
import Graph
import Optimizers
import Reports

/// `bench optimizer`: the time of an update on one core, beside the least it could take.
///
/// The peers in the same run move the same memory: `move` has the optimizer's loads and stores and
/// no arithmetic, `copy` is `memcpy`. All go over the arrays block by block, as training does.
package enum OptimizerBenchmark {
  /// The best of these counts, as in STREAM: what else the machine does only adds.
  private static let rounds = 5

  /// - Parameters:
  ///   - optimizers: nil: all.
  ///   - sizes: in Mi (2²⁰) parameters.
  ///   - report: is given one line a case, as soon as it is measured.
  package static func run(
    optimizers: [String]?, sizes: [Int], report: (String) -> Void
  ) throws {
    let chosen = try (optimizers ?? OptimizerRegistry.names).map {
      try OptimizerRegistry.make($0, HyperParameters())
    }
    let states = chosen.map(\.stateNames.count).max() ?? 0
    for size in sizes {
      guard (1...4096).contains(size) else {
        throw Failure.usage("sizes: \(size)", remedy: "Expected 1 … 4096 Mi parameters.")
      }
      let bytes = (size << 20) * 4 * (2 + states)
      if let available = MemoryPlan.availableBytes(), bytes > available {
        throw Failure.usage(
          "sizes: \(size) Mi parameters need \(Format.bytes(bytes)), and "
            + "\(Format.bytes(available)) are available")
      }
      let arrays = (0..<(2 + states)).map { _ in AlignedBuffer<Float>(count: size << 20) }
      for optimizer in chosen { report(measure(optimizer, arrays)) }
    }
  }

  private static func measure(
    _ optimizer: any Optimizer, _ arrays: [AlignedBuffer<Float>]
  ) -> String {
    let count = arrays[0].count
    let states = optimizer.stateNames.count
    // Parameters, gradient and states are read, all but the gradient written; the second half of
    // a two-phase update reads parameters and direction again and writes the parameters.
    let bytes = 4 * (2 + states + 1 + states) + (optimizer.needsTensorNorms ? 16 : 0)
    var times = (update: [Double](), move: [Double](), copy: [Double]())
    for _ in 0..<rounds {
      // The move leaves numbers that no optimizer would meet.
      for (index, array) in arrays.enumerated() {
        array.elements.update(repeating: index < 2 ? 0.01 : 0)
      }
      times.update.append(seconds(count) { update(optimizer, step: $0, arrays) })
      times.move.append(seconds(count) { _ in Self.move(states, arrays) })
      times.copy.append(
        seconds(count) { _ in
          forEachBlock(count) { memcpy(arrays[0].pointer + $0, arrays[1].pointer + $0, $1 * 4) }
        })
    }
    func nanoseconds(_ times: [Double]) -> Double {
      (times.min() ?? 0) / Double(count) * 1e9
    }
    let (own, move, copy) = (
      nanoseconds(times.update), nanoseconds(times.move), nanoseconds(times.copy)
    )
    var line = ResultLine()
    line.add("optimizer", optimizer.name)
    line.add("params", count)
    line.add("bytes_per_param", bytes)
    line.add("ns_per_param", own, decimals: 3)
    line.add("gb_per_s", Double(bytes) / own, decimals: 1)
    line.add("move_ns_per_param", move, decimals: 3)
    line.add("move_ratio", own / move, decimals: 2)
    line.add("copy_gb_per_s", 8 / copy, decimals: 1)
    return line.text
  }

  /// Of one pass, after one that is not counted; small arrays are gone over several times.
  private static func seconds(_ count: Int, _ pass: (_ step: Int) -> Void) -> Double {
    pass(0)
    let repeats = max(1, (16 << 20) / count)
    let start = ck_monotonic_ns()
    for step in 1...repeats { pass(step) }
    return Double(ck_monotonic_ns() - start) / 1e9 / Double(repeats)
  }

  private static func forEachBlock(_ count: Int, _ body: (_ start: Int, _ count: Int) -> Void) {
    for start in stride(from: 0, to: count, by: ParameterLayout.blockLength) {
      body(start, min(ParameterLayout.blockLength, count - start))
    }
  }

  private static func update(
    _ optimizer: any Optimizer, step: Int, _ arrays: [AlignedBuffer<Float>]
  ) {
    let scalars = optimizer.scalars(step: step, learningRate: 1e-3)
    let (parameters, gradient) = (arrays[0].pointer, arrays[1].pointer)
    let bases = arrays[2...].map(\.pointer) + [parameters]
    withUnsafeTemporaryAllocation(
      of: UnsafeMutablePointer<Float>.self, capacity: bases.count
    ) { pointers in
      guard let state = pointers.baseAddress else { return }
      func visit(_ body: (UpdateBlock) -> Void) {
        forEachBlock(arrays[0].count) { start, count in
          for slot in bases.indices { state[slot] = bases[slot] + start }
          var block = UpdateBlock(
            parameters: parameters + start, gradient: gradient + start, state: UnsafePointer(state),
            count: count, weightDecay: optimizer.weightDecay)
          block.norms = (1, 1)
          body(block)
        }
      }
      if optimizer.needsTensorNorms {
        var squares = 0.0
        visit {
          optimizer.prepare($0, scalars)
          squares += ck_sum_squares($0.parameters, $0.count) + ck_sum_squares($0.gradient, $0.count)
        }
        precondition(squares.isFinite, "the benchmark's numbers are finite")
      }
      visit { optimizer.update($0, scalars) }
    }
  }

  private static func move(_ states: Int, _ arrays: [AlignedBuffer<Float>]) {
    let bases = arrays[2...].map(\.pointer)
    withUnsafeTemporaryAllocation(
      of: UnsafeMutablePointer<Float>?.self, capacity: max(1, bases.count)
    ) { state in
      forEachBlock(arrays[0].count) { start, count in
        for slot in bases.indices { state[slot] = bases[slot] + start }
        ck_move(
          arrays[0].pointer + start, arrays[1].pointer + start, state.baseAddress, Int32(states),
          count)
      }
    }
  }
}
