import ArgumentParser
import Basics
import Glibc
import Training

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Layers and memory of a model; a run's curves and weights; a schedule.",
    discussion: """
      A model is looked at with the options of `train`: inspect mlp:128 --data digits. Of a run \
      its last checkpoint is told and its loss and accuracy are drawn. Without a subject, --schedule draws the learning rate over the run: \
      inspect --schedule cosine --warmup 5% --steps 1000
      """)

  @Argument(help: "A model's name, a model FILE.yaml, a run's folder or a checkpoint's.")
  var subject: String?
  @Option(help: "Ranks to plan memory for.")
  var ranks = 1
  @Option(
    help: ArgumentHelp(
      "Draw the run's losses, or --schedule, as a picture, too.", valueName: "file.svg"))
  var svg: String?
  @OptionGroup var options: TrainOptions

  func run() throws {
    var lines: [String]
    // The first rank alone writes the picture.
    let picture = Launcher.earlyRank == 0 ? svg : nil
    if subject == nil && options.schedule != nil {
      lines = try Inspection.schedule(sources(options.given), svg: picture)
    } else if let subject, access(subject, F_OK) == 0, !subject.hasSuffix(".yaml"),
      !subject.hasSuffix(".yml")
    {
      lines = try Inspection.checkpoint(subject) + Inspection.curves(subject, svg: picture)
    } else if svg != nil {
      throw Failure.usage("svg: there is no run and no --schedule to draw")
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
