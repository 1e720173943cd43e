/// The buffers of a kernel, each known by its number among the kernel's pointers: what is left out
/// where nobody needs it moves no other.
struct KernelArguments {
  private(set) var buffers: [Buffer] = []

  mutating func add(_ buffer: Buffer) -> Int {
    buffers.append(buffer)
    return buffers.count - 1
  }

  mutating func add(_ buffer: Buffer?) -> Int? { buffer.map { add($0) } }

  mutating func add(_ target: GradientTarget) -> GradientArgument {
    GradientArgument(index: add(target.buffer), accumulates: target.accumulates)
  }

  mutating func add(_ target: GradientTarget?) -> GradientArgument? { target.map { add($0) } }
}

/// A gradient among a kernel's arguments.
struct GradientArgument {
  let index: Int
  let accumulates: Bool
  /// The same as C has it.
  var adds: Int32 { accumulates ? 1 : 0 }

  /// Writes one number, or adds it.
  func deliver(_ value: Float, at element: Int, _ pointers: ClosureKernel.Pointers) {
    let place = pointers[index] + element
    place.pointee = accumulates ? place.pointee + value : value
  }
}
