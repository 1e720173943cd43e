public import Graph

/// A part of a model: a function of symbolic tensors with named parameters.
public protocol Layer: Sendable {
  /// Records this layer on `input`, shaped `[batch, …]`.
  func callAsFunction(_ input: Tensor) -> Tensor
}

/// A whole model. Nothing more is asked of it than of a layer; the name tells readers which is
/// meant.
public protocol Model: Layer {}

/// What errors and `inspect` call a layer: `3.conv1 (conv)`.
func layerLabel(_ name: String, _ kind: String) -> String {
  name.isEmpty ? kind : "\(name) (\(kind))"
}

/// What the names of a layer's parameters begin with: `3.`, nothing where the layer has no name.
func namePrefix(_ name: String) -> String { name.isEmpty ? "" : name + "." }
