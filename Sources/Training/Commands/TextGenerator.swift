import Basics
import CKernels
import Datasets
import Graph
import Models

/// Continues a text with a trained language model, a token at a time.
package struct TextGenerator {
  /// How the next token is drawn from the model's scores.
  package struct Sampling: Sendable {
    /// Scores are divided by it; at 0 the likeliest token is taken.
    package var temperature: Double
    /// Only the k likeliest tokens are drawn from; nil: all.
    package var topK: Int?
    package var seed: UInt64

    /// - Throws: `Failure.usage`.
    package init(temperature: Double, topK: Int?, seed: UInt64) throws {
      guard temperature >= 0, temperature.isFinite else {
        throw Failure.usage("temperature: '\(temperature)'", remedy: "Expected 0 or more.")
      }
      if let topK, topK < 1 {
        throw Failure.usage("top-k: '\(topK)'", remedy: "Expected 1 or more.")
      }
      self.temperature = temperature
      self.topK = topK
      self.seed = seed
    }
  }

  private let vocabulary: Vocabulary
  private let plans: PlanCache
  private let parameters: AlignedBuffer<Float>
  private var tokens: [Int] = []

  /// - Throws: `Failure.usage` where the model continues no text, `Failure.badData` for a prompt
  ///   with characters the model does not know.
  package init(_ model: TrainedModel, prompt: String) throws {
    let description = model.state.dataset
    guard let text = description.text, case .classes(let names) = description.target,
      !text.isMasked
    else {
      throw Failure.usage(
        "\(model.path): a model of \(description.task.rawValue) continues no text",
        remedy: "Leave out --prompt and name --data and --output.")
    }
    guard !prompt.isEmpty else {
      throw Failure.usage("prompt: it is empty", remedy: "Give at least one character.")
    }
    vocabulary = Vocabulary(text, names: names)
    tokens = try vocabulary.tokens(of: Array(prompt.utf8), origin: "prompt").map { Int($0) }
    let configuration = try model.configuration()
    plans = try PlanCache(
      model: Zoo.model(
        named: configuration.model ?? "", file: model.state.modelFile,
        for: description.modelContext),
      sampleShape: description.featureShape, vocabulary: names.count, loss: .crossEntropy,
      engine: ComputeEngine(precision: configuration.precision.portable), training: [],
      evaluation: [1])
    plans.allocate()
    parameters = AlignedBuffer(count: plans.layout.arenaCount)
    try model.load(into: parameters.pointer, plans.layout)
  }

  /// The bytes of the next token. Tokens beyond the model's window are forgotten.
  package mutating func next(_ sampling: Sampling) throws -> [UInt8] {
    let window = vocabulary.text.window
    let seen = tokens.suffix(window)
    plans.features.pointer.withMemoryRebound(to: Int32.self, capacity: window) { features in
      // What stands after the last token does not matter to it.
      for position in 0..<window { features[position] = 0 }
      for (position, token) in seen.enumerated() { features[position] = Int32(token) }
    }
    let plan = try plans.evaluation(batch: 1, parameters: parameters.pointer)
    _ = try plan.run()
    let classes = vocabulary.names.count
    let scores = UnsafeBufferPointer(
      start: plan.output + (seen.count - 1) * classes, count: classes)
    let random = Philox(seed: sampling.seed, purpose: .sampling)
    let token = draw(Array(scores), sampling, random.uniform(UInt64(tokens.count)))
    tokens.append(token)
    return vocabulary.bytes(of: token)
  }

  /// - Parameter number: uniform in [0, 1).
  private func draw(_ scores: [Float], _ sampling: Sampling, _ number: Float) -> Int {
    let order = scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
    if sampling.temperature == 0 { return order[0] }
    let kept = order.prefix(sampling.topK ?? order.count)
    var weights = kept.map { Float(Double(scores[$0]) / sampling.temperature) }
    weights.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      ck_softmax(base, base, 1, buffer.count)
    }
    var sum: Float = 0
    for (position, weight) in weights.enumerated() {
      sum += weight
      if number < sum { return kept[position] }
    }
    return order[0]
  }
}
