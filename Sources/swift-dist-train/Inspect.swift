import ArgumentParser
import Basics
import Glibc
import Training

struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Layers and memory of a model; a run's curves and weights; a schedule.",
    discussion: """
      A model is planned with the options of `train`: inspect mlp:128 --data digits. Of a run its \
      last checkpoint is described, and its loss and accuracy are drawn. Without a subject, \
      --schedule draws the learning rate over the run: \
      inspect --schedule cosine --warmup 5% --steps 1000
      """)

  @Argument(help: "A model's name, a model FILE.yaml, a run's folder or a checkpoint's.")
  var subject: String?
  @Option(help: "Ranks to plan memory for (default 1).")
  var ranks: Int?
  @Option(
    help: ArgumentHelp(
      "Draw the run's losses, or --schedule, as a picture, too.", valueName: "file.svg"))
  var svg: String?
  @OptionGroup var options: TrainOptions

  func run() throws {
    let lines: [String]
    // The first rank alone writes the picture.
    let picture = Launcher.earlyRank == 0 ? svg : nil
    if let subject, access(subject, F_OK) == 0, !subject.hasSuffix(".yaml"),
      !subject.hasSuffix(".yml")
    {
      let given =
        options.given.keys.sorted() + (options.config == nil ? [] : ["config"])
        + (ranks == nil ? [] : ["ranks"])
      try refuse(
        given, "not together with \(subject), which is shown as it was stored",
        remedy: "Leave it out.")
      lines = try Inspection.checkpoint(subject) + Inspection.curves(subject, svg: picture)
    } else if subject == nil && options.schedule != nil {
      try refuse(
        ranks == nil ? [] : ["ranks"], "no schedule depends on it", remedy: "Leave it out.")
      lines = try Inspection.schedule(sources(options.given), svg: picture)
    } else {
      var flags = options.given
      if let subject {
        try refuse(
          ["model", "schedule"].filter { flags[$0] != nil }, "not together with \(subject)",
          remedy: "Give one of the two; a --schedule is drawn where no model is named.")
        flags["model"] = subject
      }
      try refuse(
        ["run", "resume"].filter { flags[$0] != nil }, "a model is looked at, not a run",
        remedy: "Leave it out, or name the run's folder in the model's place.")
      if svg != nil { throw Failure.usage("svg: there is no run and no --schedule to draw") }
      let ranks = ranks ?? 1
      guard (1...65536).contains(ranks) else {
        throw Failure.usage("ranks: \(ranks)", remedy: "Expected 1 … 65536.")
      }
      lines = try Inspection.model(sources(flags), ranks: ranks)
    }
    if Launcher.earlyRank == 0 { for line in lines { print(line) } }
  }

  /// Options that the subject has no use for.
  private func refuse(_ names: [String], _ problem: String, remedy: String) throws {
    if !names.isEmpty {
      throw Failure.usage("\(names.joined(separator: ", ")): \(problem)", remedy: remedy)
    }
  }

  private func sources(_ flags: [String: String]) throws -> ConfigurationSources {
    try TrainingJob.sources(flags: flags, file: options.config, over: ConfigurationSources())
  }
}
