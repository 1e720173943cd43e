import ArgumentParser
import Basics
import DataParallel
import Glibc
import Training

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measurements, one key=value line a case.",
    subcommands: [
      BenchStep.self, BenchData.self, BenchAllreduce.self, BenchOptimizer.self,
      BenchCheckpoint.self, BenchScale.self, BenchZoo.self,
    ])
}

struct BenchStep: ParsableCommand, RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "step",
    abstract: "The time of a training step, without warm-up.",
    discussion: """
      Takes the options of `train`; --steps is how many are measured (default 300), after 10 that \
      are not. Writes no run folder.

      With --operations, a table of where rank 0's step went: each kind of operation of the model, \
      of it oneDNN's products and convolutions and their speed, and all that is none.
      """)

  @OptionGroup var options: TrainOptions
  @Flag(help: "Also print what each operation took.") var operations = false

  func run(on group: RankGroup) throws -> Int32 {
    try group.agree {
      try options.refuse(["run", "early-stopping", "stop-after", "time-limit"], by: "bench step")
    }
    let result = try StepBenchmark(
      group: group, flags: options.given, configurationFile: options.config, profiles: operations)
    if group.isFirst {
      print(result.line)
      for line in result.profile?.table ?? [] { print(line) }
    }
    return 0
  }
}

struct BenchData: ParsableCommand, RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "data",
    abstract: "How fast batches are brought together, beside a memory copy.",
    discussion: """
      Takes the options of `train`; --steps is how many batches are measured (default 300). A step \
      waits for its batch: step_ms is what the data costs it.
      """)

  @OptionGroup var options: TrainOptions

  func run(on group: RankGroup) throws -> Int32 {
    try group.agree {
      try options.refuse(
        ["lr", "run", "early-stopping", "stop-after", "time-limit"], by: "bench data")
    }
    let line = try DataBenchmark.run(
      group: group, flags: options.given, configurationFile: options.config)
    if group.isFirst { print(line) }
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
