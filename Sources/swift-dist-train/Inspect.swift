import ArgumentParser
import Basics
import Glibc
import Training

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Layers, parameters and memory of a model; or what a checkpoint holds.",
    discussion: "A model is looked at with the options of `train`: inspect mlp:128 --data digits")

  @Argument(help: "A model's name, a model FILE.yaml, a run's folder or a checkpoint's.")
  var subject: String?
  @Option(help: "Ranks to plan memory for.")
  var ranks = 1
  @OptionGroup var options: TrainOptions

  func run() throws {
    var lines: [String]
    if let subject, access(subject, F_OK) == 0, !subject.hasSuffix(".yaml"),
      !subject.hasSuffix(".yml")
    {
      lines = try Inspection.checkpoint(subject)
    } else {
      guard (1...65536).contains(ranks) else {
        throw Failure.usage("ranks: \(ranks)", remedy: "Expected 1 … 65536.")
      }
      var flags = options.given
      if let subject { flags["model"] = subject }
      let sources = try TrainingJob.sources(
        flags: flags, file: options.config, over: ConfigurationSources())
      lines = try Inspection.model(sources, ranks: ranks)
    }
    if Launcher.earlyRank == 0 { for line in lines { print(line) } }
  }
}
