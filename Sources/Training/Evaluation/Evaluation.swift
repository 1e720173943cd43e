package import Reports

/// A split as users and `metrics.jsonl` call it; `data` is all of a data set that is not the run's.
package enum SplitName: String, Sendable, Codable, CaseIterable { case train, val, test, data }

/// What an evaluation found, over `count` samples. Figures that make no sense for the task are nil.
package struct Evaluation: Sendable, Equatable {
  package let split: SplitName
  package let count: Int
  /// Mean loss.
  package let loss: Double
  /// Share of labels that stand at the first largest output; of probabilities, share on the right
  /// side of one half.
  package var accuracy: Double?
  /// e^loss of cross-entropy over sequences: between how many tokens the model hesitates.
  package var perplexity: Double?
  /// Mean |prediction − target|.
  package var meanAbsoluteError: Double?
  /// √ of the mean of (prediction − target)².
  package var rootMeanSquaredError: Double?
  /// R² = 1 − Σ(prediction − target)² / Σ(target − mean)²; one output only.
  package var determination: Double?

  package init(
    split: SplitName, count: Int, loss: Double, accuracy: Double? = nil,
    meanAbsoluteError: Double? = nil
  ) {
    self.split = split
    self.count = count
    self.loss = loss
    self.accuracy = accuracy
    self.meanAbsoluteError = meanAbsoluteError
  }

  package func value(of monitor: RunConfiguration.Monitor) -> Double {
    switch monitor {
    case .valLoss: loss
    case .valAccuracy: accuracy ?? .nan
    }
  }

  private var figures: [(name: String, value: Double, isShare: Bool)] {
    [
      ("accuracy", accuracy, true), ("perplexity", perplexity, false),
      ("mae", meanAbsoluteError, false), ("rmse", rootMeanSquaredError, false),
      ("r2", determination, true),
    ].compactMap { name, value, isShare in value.map { (name, $0, isShare) } }
  }

  /// The object of `metrics.jsonl`.
  package func line(step: Int, kind: String = "eval") -> JSONLine {
    var line = JSONLine()
    line.add("kind", kind)
    line.add("split", split.rawValue)
    line.add("step", step)
    line.add("loss", loss)
    for figure in figures { line.add(figure.name, figure.value) }
    line.add("n", count)
    return line
  }

  /// "val loss 0.1234  accuracy 0.9650  (n = 179)".
  package var summary: String {
    "\(split.rawValue) loss \(Format.short(loss))"
      + figures.map { name, value, isShare in
        "  \(name) \(isShare ? Format.fixed(value, 4) : Format.short(value))"
      }.joined() + "  (n = \(count))"
  }
}
