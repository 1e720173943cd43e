package import Basics

/// The record of one call of a model: nodes in the order of their calculation.
package final class Trace {
  package struct Node {
    package enum Kind {
      case input
      case parameter(Parameter)
      case operation(any Operation)
    }
    package let kind: Kind
    package let inputs: [Int]
    package let shape: Shape
    /// The layer an error or a report names.
    package let layer: String
    package let requiresGradient: Bool
    /// How it lies in memory where it is an image.
    package var layout = ImageLayout.channelsFirst
  }

  package private(set) var nodes: [Node] = []
  /// Parameters in the order of their first use.
  package private(set) var parameters: [Parameter] = []
  /// The first thing that did not fit.
  package private(set) var failure: Failure?
  private var parameterNodes: [String: Int] = [:]
  /// Images that were converted to the other layout, by their node.
  private var converted: [Int: Int] = [:]
  /// Where the input is tokens below it and not numbers.
  package let vocabulary: Int?

  /// Dropouts recorded so far: the number of the next one.
  package var dropoutCount: Int {
    nodes.count {
      if case .operation(let operation) = $0.kind { operation is Dropout } else { false }
    }
  }

  package init(vocabulary: Int? = nil) { self.vocabulary = vocabulary }

  package func input(_ shape: Shape) -> Tensor {
    append(Node(kind: .input, inputs: [], shape: shape, layer: "input", requiresGradient: false))
  }

  func parameter(_ parameter: Parameter) -> Tensor {
    if let known = parameterNodes[parameter.name] {
      if nodes[known].shape.extents != parameter.shape {
        fail(
          "parameter \(parameter.name) is used with two shapes: \(nodes[known].shape) and "
            + "\(Shape(parameter.shape))")
      }
      if parameter.statistic != nil {
        fail("\(parameter.name): two layers would mix their running statistics in it")
      }
      return Tensor(trace: self, id: known)
    }
    let tensor = append(
      Node(
        kind: .parameter(parameter), inputs: [], shape: Shape(parameter.shape),
        layer: parameter.name, requiresGradient: true))
    parameterNodes[parameter.name] = tensor.id
    parameters.append(parameter)
    return tensor
  }

  func record(_ operation: any Operation, inputs: [Int], layer: String) -> Tensor {
    var shape: Shape = []
    var inputs = inputs
    var layout = ImageLayout.channelsFirst
    if failure == nil {
      do throws(ShapeMismatch) {
        try checkTokens(operation, inputs)
        shape = try operation.outputShape(inputs.map { nodes[$0].shape })
        layout = operation.images.layout(followed: nodes[inputs[0]].layout)
        for position in 0..<(operation.images.imageCount ?? inputs.count) {
          inputs[position] = image(inputs[position], in: layout, layer: layer)
        }
      } catch {
        fail("layer \(layer): \(error.message)")
      }
    }
    return append(
      Node(
        kind: .operation(operation), inputs: inputs, shape: shape, layer: layer,
        requiresGradient: inputs.contains { nodes[$0].requiresGradient }, layout: layout))
  }

  /// Value `id` as it lies in `layout`; anything but an image lies the same in both.
  func image(_ id: Int, in layout: ImageLayout, layer: String) -> Int {
    let node = nodes[id]
    if node.shape.rank != 4 || node.layout == layout { return id }
    if let known = converted[id] { return known }
    let change = append(
      Node(
        kind: .operation(LayoutChange(to: layout)), inputs: [id], shape: node.shape, layer: layer,
        requiresGradient: node.requiresGradient, layout: layout))
    converted[id] = change.id
    return change.id
  }

  /// Tokens are integers in the features' memory: only an embedding or a mask may read them.
  private func checkTokens(_ operation: any Operation, _ inputs: [Int]) throws(ShapeMismatch) {
    let readsTokens = operation is Embedding || operation is TokenMask
    guard let source = inputs.first, case .input = nodes[source].kind else {
      if readsTokens { throw ShapeMismatch("\(operation.name) needs the model's input") }
      return
    }
    guard let vocabulary else {
      if readsTokens {
        throw ShapeMismatch("\(operation.name) needs tokens, the data has numbers")
      }
      return
    }
    guard readsTokens else {
      throw ShapeMismatch("it needs numbers, the data has tokens: begin with an embedding")
    }
    guard operation is Embedding else { return }
    let rows = nodes[inputs[1]].shape[0]
    if rows < vocabulary {
      throw ShapeMismatch("\(rows) embeddings, but the data has tokens up to \(vocabulary - 1)")
    }
  }

  /// Remembers the first error; later ones are its consequences.
  package func fail(_ message: String) {
    if failure == nil {
      failure = .usage(message, remedy: "Change the model, or the data it is given.")
    }
  }

  /// Drops what `result` does not depend on: such nodes would have gradients nobody writes.
  func prune(keeping result: Int) {
    var isNeeded = Array(repeating: false, count: nodes.count)
    isNeeded[result] = true
    for id in nodes.indices.reversed() where isNeeded[id] {
      for input in nodes[id].inputs { isNeeded[input] = true }
    }
    for id in nodes.indices where !isNeeded[id] {
      nodes[id] = Node(
        kind: .input, inputs: [], shape: [], layer: nodes[id].layer, requiresGradient: false)
    }
    parameters.removeAll { parameter in
      parameterNodes[parameter.name].map { !isNeeded[$0] } ?? true
    }
  }

  private func append(_ node: Node) -> Tensor {
    nodes.append(node)
    return Tensor(trace: self, id: nodes.count - 1)
  }
}
