import ArgumentParser
import Basics
import Glibc
import Training

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Layers, parameters and memory of a model; what a checkpoint holds; a schedule.",
    discussion: """
      A model is looked at with the options of `train`: inspect mlp:128 --data digits. Without a \
      subject, --schedule draws the learning rate over the run: \
      inspect --schedule cosine --warmup 5% --steps 1000
      """)

  @Argument(help: "A model's name, a model FILE.yaml, a run's folder or a checkpoint's.")
  var subject: String?
  @Option(help: "Ranks to plan memory for.")
  var ranks = 1
  @Option(help: ArgumentHelp("Draw --schedule as a picture, too.", valueName: "file.svg"))
  var svg: String?
  @OptionGroup var options: TrainOptions

  func run() throws {
    var lines: [String]
    if subject == nil && options.schedule != nil {
      // The first rank alone writes the picture.
      lines = try Inspection.schedule(
        sources(options.given), svg: Launcher.earlyRank == 0 ? svg : nil)
    } else if svg != nil {
      throw Failure.usage("svg: there is no --schedule to draw")
    } else if let subject, access(subject, F_OK) == 0, !subject.hasSuffix(".yaml"),
      !subject.hasSuffix(".yml")
    {
      lines = try Inspection.checkpoint(subject)
    } else {
      guard (1...65536).contains(ranks) else {
        throw Failure.usage("ranks: \(ranks)", remedy: "Expected 1 … 65536.")
      }
      var flags = options.given
      if let subject { flags["model"] = subject }
      lines = try Inspection.model(sources(flags), ranks: ranks)
    }
    if Launcher.earlyRank == 0 { for line in lines { print(line) } }
  }

  private func sources(_ flags: [String: String]) throws -> ConfigurationSources {
    try TrainingJob.sources(flags: flags, file: options.config, over: ConfigurationSources())
  }
}
