import CKernels

/// A kernel and the time of its runs; taking it costs two looks at the clock, some 50 ns.
final class TimedKernel: Kernel {
  private let kernel: any Kernel
  private(set) var runs = 0
  private(set) var nanoseconds: UInt64 = 0

  init(_ kernel: any Kernel) { self.kernel = kernel }

  var buffers: [Buffer] { kernel.buffers }

  var flops: Int { kernel.flops }

  func bind(_ bases: MemoryBases) { kernel.bind(bases) }

  func run() throws {
    let start = ck_monotonic_ns()
    try kernel.run()
    nanoseconds += ck_monotonic_ns() - start
    runs += 1
  }
}

/// What the runs of one kernel of a plan took.
package struct KernelTime: Sendable {
  /// What it is a kernel of: `linear + relu`, or `loss`.
  package let operation: String
  package let isBackward: Bool
  package let nanoseconds: UInt64
  /// `Kernel.flops` over all runs.
  package let flops: Int

  package init(operation: String, isBackward: Bool, nanoseconds: UInt64, flops: Int) {
    self.operation = operation
    self.isBackward = isBackward
    self.nanoseconds = nanoseconds
    self.flops = flops
  }
}
