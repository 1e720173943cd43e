import ArgumentParser
import DataParallel
import Training

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measurements, one key=value line a case.",
    subcommands: [BenchStep.self, BenchCheckpoint.self, BenchZoo.self])
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

struct BenchCheckpoint: ParsableCommand, RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "checkpoint",
    abstract: "The time of a checkpoint: the step loop's pause, writing, reading back.",
    discussion: """
      Takes the options of `train`. Each round writes a checkpoint and, before it, the same bytes \
      with plain write(2) and fsync(2), as `dd conv=fsync` does; and copies them in memory once. \
      Medians are printed. The folder given with --run is made, used and removed.
      """)

  @OptionGroup var options: TrainOptions
  @Option(help: "Pairs of measurements.") var rounds = 7

  func run(on group: RankGroup) throws -> Int32 {
    let line = try CheckpointBenchmark.run(
      group: group, flags: options.given, configurationFile: options.config, rounds: rounds)
    if group.isFirst { print(line) }
    return 0
  }
}
