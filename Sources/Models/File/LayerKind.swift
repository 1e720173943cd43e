import Graph

/// One kind of layer a model file can name. New kinds are added to `all`.
struct LayerKind: Sendable {
  let name: String
  /// The keys it knows besides `name`; a value without a key is the first one's.
  let keys: [String]
  /// The layer, and its result on the entry's input.
  let make: @Sendable (LayerEntry) throws -> (layer: any Layer, output: Tensor)

  init(
    _ name: String, keys: [String] = [],
    make: @escaping @Sendable (LayerEntry) throws -> any Layer
  ) {
    self.init(nesting: name, keys: keys) { entry in
      let layer = try make(entry)
      return (layer, layer(entry.input))
    }
  }

  /// A layer with lists of layers in it. Those were applied when they were read; applying the
  /// whole once more would double the work at each level.
  init(
    nesting name: String, keys: [String],
    make: @escaping @Sendable (LayerEntry) throws -> (layer: any Layer, output: Tensor)
  ) {
    self.name = name
    self.keys = keys
    self.make = make
  }

  static let all: [LayerKind] = dense + activations + images + sequences

  static func named(_ name: String) -> LayerKind? { byName[name] }

  private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

  /// Widths, channels and kernels beyond this are typing errors.
  static let sizes = 1...(1 << 24)
}

extension LayerKind {
  static let dense: [LayerKind] = [
    LayerKind("linear", keys: ["out", "bias"]) { entry in
      let linear = Linear(
        entry.path, inputs: linearInputs(entry), outputs: try entry.integer("out", sizes),
        bias: try entry.flag("bias", default: true))
      // An image is flattened; of a sequence `[T, in]` each step is mapped.
      return entry.inputShape.count == 3 ? Stateless { linear($0.flattened()) } : linear
    },
    LayerKind("flatten") { _ in Stateless { $0.flattened() } },
  ]

  private static func linearInputs(_ entry: LayerEntry) -> Int {
    entry.inputShape.count == 3
      ? entry.inputShape.reduce(1, *) : entry.inputShape.last ?? 0
  }

  static let activations: [LayerKind] = [
    LayerKind("relu") { _ in Stateless { relu($0) } },
    LayerKind("leaky-relu", keys: ["slope"]) { entry in
      let slope = Float(try entry.number("slope", default: 0.01, "finite") { _ in true })
      return Stateless { leakyRelu($0, slope: slope) }
    },
    LayerKind("elu") { _ in Stateless { elu($0) } },
    LayerKind("gelu", keys: ["approximate"]) { entry in
      let isTanh = try entry.word("approximate", of: ["none", "tanh"]) == "tanh"
      return Stateless { gelu($0, tanh: isTanh) }
    },
    LayerKind("silu") { _ in Stateless { silu($0) } },
    LayerKind("sigmoid") { _ in Stateless { sigmoid($0) } },
    LayerKind("tanh") { _ in Stateless { tanh($0) } },
    LayerKind("softplus") { _ in Stateless { softplus($0) } },
    LayerKind("softmax") { _ in Stateless { softmax($0) } },
  ]
}
