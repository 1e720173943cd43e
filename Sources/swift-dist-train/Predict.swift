import ArgumentParser
import Basics
import DataParallel
import Training

struct Predict: ParsableCommand, RankCommand {
  static let configuration = CommandConfiguration(
    abstract: "Predictions of a trained model, one row a sample.",
    discussion: """
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
  @Option(help: ArgumentHelp("Where to write.", valueName: "file.csv|.npy"))
  var output: String

  func run(on group: RankGroup) throws -> Int32 {
    let part: SplitName? = try group.agree {
      try PredictionFile.check(path: output)
      return try parseSplit(self.split)
    }
    let trained = try TrainedModel.shared(model, group: group)
    let session = try ModelSession(
      trained, group: group, data: data, split: part, needsTargets: false)
    let predictions = try session.predict()
    try group.onFirst {
      try PredictionFile.write(predictions, to: output, for: trained)
    }
    return 0
  }
}
