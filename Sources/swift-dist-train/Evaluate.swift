import ArgumentParser
import Basics
import DataParallel
import Reports
import Training

struct Evaluate: ParsableCommand, RankCommand {
  static let configuration = CommandConfiguration(
    abstract: "Loss and metrics of a trained model, the same on any number of ranks.",
    discussion: """
      The run knows its data, preprocessing and class names: a copied folder works where the data \
      is found. Of other --data all rows are used, and called `data`, or those of an IDX folder's \
      test set. The run's own data at another place is named with --data and --split.
      """)

  @Argument(help: "A run's folder, or one checkpoint's.")
  var model: String
  @Option(
    help: ArgumentHelp("Other data than the run's, or its new place.", valueName: "name|path"))
  var data: String?
  @Option(help: "test, val or train (default: test where there is one, else val).")
  var split: String?
  @Flag(help: "Take the running mean of the weights, which a run with --ema has.")
  var ema = false
  @Flag(help: "Add precision, recall and F1 of each class, and the confusion matrix.")
  var perClass = false
  @Option(help: "Add the share of samples whose class is among the K likeliest.")
  var topK: Int?
  @Flag(help: "Print one JSON object.")
  var json = false
  @Option(
    help: ArgumentHelp("Write the classes' figures and confusions.", valueName: "file.csv"))
  var csv: String?

  func run(on group: RankGroup) throws -> Int32 {
    let part: SplitName? = try group.agree { try parseSplit(self.split) }
    let trained = try TrainedModel.shared(model, takesMean: ema, group: group)
    let session = try ModelSession(
      trained, group: group, data: data, split: part, needsTargets: true)
    let reportsClasses = perClass || topK != nil || csv != nil
    let (result, report) = try session.evaluate(
      classesTopK: reportsClasses ? topK ?? 1 : nil)
    try group.onFirst {
      if let csv, let report { try report.write(csv: csv) }
      if json {
        var line = result.line(step: try trained.step())
        report?.add(to: &line, withClasses: perClass)
        print(line.text)
      } else {
        print(result.summary)
        for text in report?.lines(withClasses: perClass) ?? [] { print(text) }
      }
    }
    return 0
  }
}

/// The name of a split, or a usage failure.
func parseSplit(_ text: String?) throws -> SplitName? {
  guard let text else { return nil }
  guard let split = SplitName(rawValue: text), split != .data else {
    throw Failure.usage("split: '\(text)'", remedy: "Expected test, val or train.")
  }
  return split
}
