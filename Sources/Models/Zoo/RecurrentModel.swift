public import Graph

/// RNN, LSTM or GRU layers and a linear one.
///
/// A sequence of numbers `[T, inputs]`, or an image taken row by row, is classified by its last
/// step; for tokens `[T]` every position predicts, from embeddings as wide as the first layer.
/// Parameters are named `embedding`, `rnn` and `fc`.
public struct RecurrentModel: Model {
  let sequence: [Int]
  let embedding: Embedding?
  let recurrent: Recurrent
  let output: Linear

  /// - Parameter hidden: the width of each layer, at least one.
  public init(_ context: ModelContext, cell: Recurrent.Cell, hidden: [Int]) {
    sequence = Array(context.sampleShape.suffix(2))
    embedding = context.vocabulary.map {
      Embedding("embedding", vocabulary: $0, width: hidden[0])
    }
    recurrent = Recurrent(
      "rnn", cell: cell, inputs: embedding == nil ? sequence.last ?? 1 : hidden[0],
      hidden: hidden, lastOnly: embedding == nil)
    output = Linear("fc", inputs: hidden[hidden.count - 1], outputs: context.outputs)
  }

  public func callAsFunction(_ x: Tensor) -> Tensor {
    let steps =
      embedding?(x)
      ?? (x.shape.count == sequence.count + 1 ? x : x.reshaped(sequence))
    return output(recurrent(steps))
  }
}
