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
  ]

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
