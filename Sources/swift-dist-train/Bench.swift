import ArgumentParser
import Basics
import DataParallel
import Glibc
import Training

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measurements, one key=value line a case.",
    subcommands: [BenchStep.self, BenchOptimizer.self, BenchZoo.self])
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

struct BenchOptimizer: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "optimizer",
    abstract: "The time of an optimizer's update on one core, beside its loads and stores alone.",
    discussion: """
      move_ratio is the time over that of a kernel with the same loads and stores and no \
      arithmetic; copy_gb_per_s is memcpy's. Needs no mpirun.
      """)

  @Option(help: ArgumentHelp("Which (default: all).", valueName: "name,name"))
  var optimizers: String?
  @Option(help: ArgumentHelp("Mi (2^20) parameters.", valueName: "n,n"))
  var sizes = "1,16,64"

  func run() throws {
    guard Launcher.earlyRank == 0 else { return }
    let mebi = sizes.split(separator: ",").map { Int($0) }
    guard !mebi.isEmpty, !mebi.contains(nil) else {
      throw Failure.usage("sizes: '\(sizes)'", remedy: "Expected numbers, as in 1,16,64.")
    }
    let names = optimizers?.split(separator: ",").map(String.init)
    try OptimizerBenchmark.run(optimizers: names, sizes: mebi.compactMap { $0 }) {
      print($0)
      fflush(nil)
    }
  }
}
