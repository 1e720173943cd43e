import Graph

extension LayerKind {
  static let images: [LayerKind] = [
    LayerKind(
      "conv", keys: ["out", "kernel", "stride", "padding", "dilation", "groups", "bias"]
    ) { entry in
      Conv2D(
        entry.path, inputs: entry.inputChannels, outputs: try entry.integer("out", sizes),
        kernel: try entry.integer("kernel", kernels),
        stride: try entry.integer("stride", kernels, default: 1),
        padding: try entry.integer("padding", paddings, default: 0),
        dilation: try entry.integer("dilation", kernels, default: 1),
        groups: try entry.integer("groups", sizes, default: 1),
        bias: try entry.flag("bias", default: true))
    },
    LayerKind("maxpool", keys: poolKeys) { entry in
      let (kernel, stride, padding) = try pool(entry)
      let label = layerLabel(entry.path, "maxpool")
      return Stateless {
        $0.maxPool(kernel: kernel, stride: stride, padding: padding, layer: label)
      }
    },
    LayerKind("avgpool", keys: poolKeys) { entry in
      let (kernel, stride, padding) = try pool(entry)
      let label = layerLabel(entry.path, "avgpool")
      return Stateless {
        $0.averagePool(kernel: kernel, stride: stride, padding: padding, layer: label)
      }
    },
    LayerKind("global-avgpool") { entry in
      let label = layerLabel(entry.path, "global-avgpool")
      return Stateless { $0.globalAveragePool(layer: label) }
    },
    LayerKind("batchnorm", keys: ["eps", "momentum"]) { entry in
      BatchNorm(
        entry.path, channels: entry.inputChannels,
        momentum: try entry.number("momentum", default: 0.1, "from 0 to 1") {
          (0...1).contains($0)
        },
        epsilon: try epsilon(entry))
    },
    LayerKind("groupnorm", keys: ["groups", "eps"]) { entry in
      GroupNorm(
        entry.path, groups: try entry.integer("groups", sizes), channels: entry.inputChannels,
        epsilon: try epsilon(entry))
    },
    LayerKind(nesting: "residual", keys: ["body", "shortcut"]) { entry in
      let body = try entry.branch("body")
      let shortcut = entry.has("shortcut") ? try entry.branch("shortcut") : nil
      let layer = Residual(entry.path, body: body.layers, shortcut: shortcut?.layers)
      return (layer, layer.combined(body.output, shortcut?.output ?? entry.input))
    },
    LayerKind(nesting: "concat", keys: ["branches"]) { entry in
      let branches = try entry.branches("branches")
      let layer = Concat(entry.path, branches: branches.map(\.layers))
      return (layer, layer.combined(branches.map(\.output)))
    },
  ]

  static func epsilon(_ entry: LayerEntry) throws -> Float {
    Float(try entry.number("eps", default: 1e-5, "greater than 0") { $0 > 0 })
  }

  private static let kernels = 1...1024
  private static let paddings = 0...1024
  private static let poolKeys = ["kernel", "stride", "padding"]

  private static func pool(
    _ entry: LayerEntry
  ) throws -> (kernel: Int, stride: Int, padding: Int) {
    let kernel = try entry.integer("kernel", kernels)
    return (
      kernel, try entry.integer("stride", kernels, default: kernel),
      try entry.integer("padding", paddings, default: 0)
    )
  }
}
