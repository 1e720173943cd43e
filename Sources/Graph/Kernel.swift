/// A piece of a plan that can be run again and again: everything it needs is made beforehand.
package protocol Kernel: AnyObject {
  /// All it reads and writes: the gradients among them are not final before it has run.
  var buffers: [Buffer] { get }
  /// Looks up addresses; called again when a memory moves.
  func bind(_ bases: MemoryBases)
  func run() throws
  /// Multiplications and additions of a matrix product or a convolution; 0 of all else.
  var flops: Int { get }
}

extension Kernel {
  package var flops: Int { 0 }
}

/// A kernel of our own: a closure over resolved pointers, in the order of `buffers`.
package final class ClosureKernel: Kernel {
  package typealias Pointers = UnsafeMutablePointer<UnsafeMutablePointer<Float>>

  package let buffers: [Buffer]
  private let pointers: Pointers
  private let body: (Pointers) -> Void

  package init(_ buffers: [Buffer], body: @escaping (Pointers) -> Void) {
    self.buffers = buffers
    self.body = body
    pointers = .allocate(capacity: max(1, buffers.count))
  }

  deinit { pointers.deallocate() }

  package func bind(_ bases: MemoryBases) {
    for (index, buffer) in buffers.enumerated() {
      (pointers + index).initialize(to: bases.address(of: buffer))
    }
  }

  package func run() { body(pointers) }
}

/// The memory as numbers of 16 bits.
func halves(_ pointer: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<UInt16> {
  UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: UInt16.self)
}

/// The memory as numbers of 64 bits.
func doubles(_ pointer: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Double> {
  UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: Double.self)
}
