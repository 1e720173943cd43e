/// How a node's sums of gradients are written for other nodes.
///
/// Whatever is left out stays at its sender and is added to the next step's sums (error feedback).
/// On one node nothing is sent, and all are the same.
package enum Compression: String, Sendable, CaseIterable {
  /// In float32: the same bits on any hosts.
  case none
  /// In bfloat16.
  case bf16
  /// In IEEE binary16, scaled block by block.
  case fp16

  package var wireFormat: WireFormat? {
    switch self {
    case .none: nil
    case .bf16: .bfloat16
    case .fp16: .binary16
    }
  }
}
