import ArgumentParser
import Basics
import DataParallel
import Reports
import Training

struct Evaluate: ParsableCommand, RankCommand {
  static let configuration = CommandConfiguration(
    abstract: "Loss and metrics of a trained model, the same on any number of ranks.",
    discussion: "The run knows its data, preprocessing and class names: a copied folder works.")

  @Argument(help: "A run's folder, or one checkpoint's.")
  var model: String
  @Option(help: ArgumentHelp("Other data than the run's.", valueName: "name|path"))
  var data: String?
  @Option(help: "test, val or train (default: test where there is one, else val).")
  var split: String?
  @Flag(help: "Print one JSON object.")
  var json = false

  func run(on group: RankGroup) throws -> Int32 {
    let part: SplitName? = try group.agree { try parseSplit(self.split) }
    let trained = try TrainedModel.shared(model, group: group)
    let session = try ModelSession(
      trained, group: group, data: data, split: part, needsTargets: true)
    let result = try session.evaluate()
    guard group.isFirst else { return 0 }
    if json {
      print(result.line(step: trained.state.step).text)
    } else {
      print(result.summary)
    }
    return 0
  }
}

/// The name of a split, or a usage failure.
func parseSplit(_ text: String?) throws -> SplitName? {
  guard let text else { return nil }
  guard let split = SplitName(rawValue: text) else {
    throw Failure.usage("split: '\(text)'", remedy: "Expected test, val or train.")
  }
  return split
}
