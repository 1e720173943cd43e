public import Graph

/// body(x) + shortcut(x), equal shapes; without a shortcut body(x) + x.
public struct Residual: Layer {
  let body: any Layer
  let shortcut: (any Layer)?
  let label: String

  public init(_ name: String = "", body: any Layer, shortcut: (any Layer)? = nil) {
    self.body = body
    self.shortcut = shortcut
    label = layerLabel(name, "residual")
  }

  public func callAsFunction(_ input: Tensor) -> Tensor {
    combined(body(input), shortcut?(input) ?? input)
  }

  func combined(_ body: Tensor, _ shortcut: Tensor) -> Tensor {
    body.adding(shortcut, layer: label)
  }
}

/// The results of several layers on one input, one after another along the channels.
public struct Concat: Layer {
  let branches: [any Layer]
  let label: String

  /// - Parameter branches: at least one; their results may differ in channels only.
  public init(_ name: String = "", branches: [any Layer]) {
    precondition(!branches.isEmpty, "a concatenation needs a branch")
    self.branches = branches
    label = layerLabel(name, "concat")
  }

  public func callAsFunction(_ input: Tensor) -> Tensor {
    combined(branches.map { $0(input) })
  }

  func combined(_ results: [Tensor]) -> Tensor { concatenated(results, layer: label) }
}
