import Basics
import DataParallel
@_exported public import Graph
@_exported public import Models
import Training

/// Trains a model of your own on every rank, and ends the process with the trainer's exit code.
///
///     @main struct MyProgram {
///       static func main() {
///         train(["data": "fashion-mnist", "epochs": "2"]) { context in MyModel(context) }
///       }
///     }
///
/// Run it as `mpirun -np 8 MyProgram`. Options are those of `swift-dist-train train`, by name;
/// a file given with `--config` wins over `options`, what stands on the program's command line
/// (`--lr 0.01`, `--standardize`) over both, and `--help` lists them.
/// Collective: every rank calls it, with the same arguments.
///
/// - Parameters:
///   - options: defaults of this program.
///   - model: makes the model for the data's sample shape and number of outputs.
public func train(
  _ options: [String: String] = [:], model: @escaping (ModelContext) -> any Model
) -> Never {
  do {
    let command = try OwnModelCommandLine(CommandLine.arguments.dropFirst())
    if command.asksForHelp {
      if Launcher.earlyRank == 0 { print(OwnModelCommandLine.help(defaults: options)) }
      Job.exit(0)
    }
    let defaults = options.merging(["model": "own"]) { $1 }
    Job.run(OwnModelCommand(defaults: defaults, command: command, model: model))
  } catch let failure as Failure {
    Job.leave(before: failure)
  } catch {
    Job.leave(before: .internalError("\(error)"))
  }
}

private struct OwnModelCommand: RankCommand {
  static let savesOnSignals = true
  static let comparesOptions = true
  let defaults: [String: String]
  let command: OwnModelCommandLine
  let model: (ModelContext) -> any Model

  func run(on group: RankGroup) throws -> Int32 {
    var job = try TrainingJob(
      group: group, defaults: defaults, flags: command.flags, configurationFile: command.file,
      model: model)
    return try job.run()
  }
}
