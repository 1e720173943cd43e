/// A stretch of one of a plan's memories; its address is known when the plan is bound.
package final class Buffer {
  package enum Space: Int, CaseIterable, Sendable {
    /// The batch's features, and its targets (class indices or values).
    case features, targets
    /// The shared parameters, and the gradient slot this execution writes.
    case parameters, gradients
    /// Activations, their gradients, scratch: reused by lifetime.
    case workspace
  }

  package let space: Space
  /// Elements of 4 bytes.
  package let count: Int
  /// What this is a part of; nil: a buffer of its own.
  private let whole: Buffer?
  /// Where it begins in the whole, or in its memory.
  private var start: Int
  /// When it is in use, in the plan's time: forward of node i is i, backward comes after.
  var lifetime: ClosedRange<Int>

  init(_ space: Space, count: Int, offset: Int = 0, lifetime: ClosedRange<Int> = 0...0) {
    self.space = space
    self.count = count
    self.lifetime = lifetime
    start = offset
    whole = nil
  }

  /// A part of `whole`, wherever that will lie and as long as it lives.
  init(_ part: Range<Int>, of whole: Buffer) {
    precondition(part.lowerBound >= 0 && part.upperBound <= whole.count)
    space = whole.space
    count = part.count
    lifetime = whole.lifetime
    start = part.lowerBound
    self.whole = whole
  }

  /// The first element in its memory; of what lies in the workspace known when the plan is compiled.
  package internal(set) var offset: Int {
    get { (whole?.offset ?? 0) + start }
    set {
      precondition(whole == nil, "a part goes where the whole goes")
      start = newValue
    }
  }

  func use(at time: Int) {
    lifetime = min(lifetime.lowerBound, time)...max(lifetime.upperBound, time)
  }
}

/// The addresses of the five memories during an execution.
package struct MemoryBases {
  private var bases: [UnsafeMutablePointer<Float>?] = .init(
    repeating: nil, count: Buffer.Space.allCases.count)

  package init() {}

  package subscript(space: Buffer.Space) -> UnsafeMutablePointer<Float>? {
    get { bases[space.rawValue] }
    set { bases[space.rawValue] = newValue }
  }

  func address(of buffer: Buffer) -> UnsafeMutablePointer<Float> {
    guard let base = bases[buffer.space.rawValue] else {
      preconditionFailure("a plan ran before its \(buffer.space) memory was bound")
    }
    return base + buffer.offset
  }
}
