import ArgumentParser
import Basics
import DataParallel
// `stdout` is a variable to Swift, and nobody sets it.
@preconcurrency import Glibc
import Training

struct Predict: ParsableCommand, RankCommand {
  static let configuration = CommandConfiguration(
    abstract: "Predictions of a trained model, one row a sample, or a text's continuation.",
    discussion: """
      With --prompt a language model continues it, on standard output.

      FILE.npy holds the model's outputs as float32 [rows, outputs]: logits of a classification, \
      values of a regression. FILE.csv holds the class and the probability of every class, or the \
      values. Data to predict needs no target column.
      """)

  @Argument(help: "A run's folder, or one checkpoint's.")
  var model: String
  @Option(help: ArgumentHelp("Data to predict (default: the run's own).", valueName: "name|path"))
  var data: String?
  @Option(help: "A split of the run's own data: test, val or train.")
  var split: String?
  @Flag(help: "Take the running mean of the weights, which a run with --ema has.")
  var ema = false
  @Option(help: ArgumentHelp("Where to write.", valueName: "file.csv|.npy"))
  var output: String?
  @Option(help: "The beginning of a text.")
  var prompt: String?
  @Option(help: "Tokens to add to it (default 200).")
  var tokens: Int?
  @Option(
    help: """
      Divides the scores: below 1 likely tokens win more often, 0 takes the likeliest (default 1).
      """)
  var temperature: Double?
  @Option(help: "Draw from the k likeliest tokens alone.")
  var topK: Int?
  @Option(
    help: "Another seed draws other tokens (default 0).",
    transform: {
      guard let seed = UInt64($0) else { throw ValidationError("Expected 0 … 2^64 − 1.") }
      return seed
    })
  var seed: UInt64?

  func run(on group: RankGroup) throws -> Int32 {
    try group.agree { try checkOptions() }
    if let prompt {
      let trained = try TrainedModel.shared(model, takesMean: ema, group: group)
      try group.onFirst { try generate(prompt, trained) }
      return 0
    }
    let (part, output): (SplitName?, String) = try group.agree {
      guard let output = self.output else {
        throw Failure.usage(
          "predict: nowhere to write to", remedy: "Name --output, or --prompt for a text.")
      }
      try PredictionFile.check(path: output)
      return (try parseSplit(self.split), output)
    }
    let trained = try TrainedModel.shared(model, takesMean: ema, group: group)
    try group.agree { try trained.requireRows() }
    let session = try ModelSession(
      trained, group: group, data: data, split: part, needsTargets: false)
    let predictions = try session.predict()
    try group.onFirst {
      try PredictionFile.write(predictions, to: output, for: trained)
    }
    return 0
  }

  /// Refuses what the other of the two uses of the command is for.
  private func checkOptions() throws {
    let ofRows = [("data", data != nil), ("split", split != nil), ("output", output != nil)]
    let ofText = [
      ("tokens", tokens != nil), ("temperature", temperature != nil), ("top-k", topK != nil),
      ("seed", seed != nil),
    ]
    let idle = (prompt == nil ? ofText : ofRows).filter(\.1).map(\.0)
    if !idle.isEmpty {
      throw Failure.usage(
        "\(idle.joined(separator: ", ")): not \(prompt == nil ? "without" : "together with") prompt",
        remedy: prompt == nil
          ? "Only a continued text needs it: add --prompt, or leave it out."
          : "A text is continued on standard output: leave out one or the other.")
    }
    if let tokens, tokens < 0 {
      throw Failure.usage("tokens: '\(tokens)'", remedy: "Expected 0 or more.")
    }
  }

  /// Prints the prompt and its continuation, as it comes.
  private func generate(_ prompt: String, _ trained: TrainedModel) throws {
    let sampling = try TextGenerator.Sampling(
      temperature: temperature ?? 1, topK: topK, seed: seed ?? 0)
    var generator = try TextGenerator(trained, prompt: prompt)
    func show(_ bytes: [UInt8]) {
      fwrite(bytes, 1, bytes.count, stdout)
      fflush(stdout)
    }
    show(Array(prompt.utf8))
    for _ in 0..<(tokens ?? 200) { show(try generator.next(sampling)) }
    print()
  }
}
