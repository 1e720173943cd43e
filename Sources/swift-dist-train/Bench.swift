import ArgumentParser
import DataParallel
import Training

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measurements, one key=value line a case.",
    subcommands: [BenchStep.self, BenchZoo.self])
}

struct BenchStep: ParsableCommand, RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "step",
    abstract: "The time of a training step, without warm-up.",
    discussion: """
      Takes the options of `train`; --steps is how many are measured (default 300), after 10 that \
      are not. Writes no run folder.
      """)

  @OptionGroup var options: TrainOptions

  func run(on group: RankGroup) throws -> Int32 {
    let line = try StepBenchmark.run(
      group: group, flags: options.given, configurationFile: options.config)
    if group.isFirst { print(line) }
    return 0
  }
}
