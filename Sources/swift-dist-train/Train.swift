import ArgumentParser
import Basics
import DataParallel
import Training

struct Train: ParsableCommand, RankCommand {
  static let configuration = CommandConfiguration(
    abstract: "Train a model (the default command).")

  static let savesOnSignals = true
  static let comparesOptions = true

  @OptionGroup var options: TrainOptions

  @Flag(help: "Print the resolved configuration with where each value came from, and stop.")
  var printConfig = false

  var hangTimeout: Double? { options.given["hang-timeout"].flatMap(Double.init) }

  func run(on group: RankGroup) throws -> Int32 {
    var job = try TrainingJob(
      group: group, flags: options.given, configurationFile: options.config)
    if printConfig {
      let lines = try job.resolvedLines()
      if group.isFirst { for line in lines { print(line) } }
      return 0
    }
    return try job.run()
  }
}
