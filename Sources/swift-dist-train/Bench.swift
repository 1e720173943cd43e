import ArgumentParser
import DataParallel
import Training

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measurements, one key=value line a case.",
    subcommands: [BenchStep.self, BenchAllreduce.self, BenchScale.self, BenchZoo.self])
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
    let result = try StepBenchmark(
      group: group, flags: options.given, configurationFile: options.config)
    if group.isFirst { print(result.line) }
    return 0
  }
}

struct BenchAllreduce: ParsableCommand, RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "allreduce",
    abstract: "The trainer's reduction beside MPI_Allreduce and a memory copy.",
    discussion: """
      One line a size. node_us: the result once a node, which is what training uses; every_us: in \
      every rank's buffer, which is what MPI delivers; of_limit: the share of what the bytes that \
      must move would take at the speed of the copy.
      """)

  @Option(help: "The largest size in bytes.")
  var largest = 256 << 20

  func validate() throws {
    guard (4...(1 << 33)).contains(largest) else {
      throw ValidationError("largest: '\(largest)' is not from 4 to \(1 << 33) bytes")
    }
  }

  func run(on group: RankGroup) throws -> Int32 {
    for bytes in AllreduceBenchmark.sizes(upTo: largest) {
      let line = try AllreduceBenchmark(group: group, bytes: bytes).measure()
      if group.isFirst { print(line) }
    }
    return 0
  }
}
