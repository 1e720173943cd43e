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
/// what stands on the program's command line (`--lr 0.01`, `--standardize`) wins over `options`.
/// Collective: every rank calls it, with the same arguments.
///
/// - Parameters:
///   - options: defaults of this program.
///   - model: makes the model for the data's sample shape and number of outputs.
public func train(
  _ options: [String: String] = [:], model: @escaping (ModelContext) -> any Model
) -> Never {
  do {
    var merged = options
    merged["model"] = "own"
    merged.merge(try commandLineOptions(CommandLine.arguments.dropFirst())) { $1 }
    Job.run(OwnModelCommand(options: merged, model: model))
  } catch let failure as Failure {
    Job.leave(before: failure)
  } catch {
    Job.leave(before: .internalError("\(error)"))
  }
}

private struct OwnModelCommand: RankCommand {
  static let savesOnSignals = true
  let options: [String: String]
  let model: (ModelContext) -> any Model

  func run(on group: RankGroup) throws -> Int32 {
    var job = try TrainingJob(group: group, flags: options, configurationFile: nil, model: model)
    return try job.run()
  }
}

/// `--name value`, `--name=value` and `--switch` by the trainer's settings.
private func commandLineOptions(_ arguments: ArraySlice<String>) throws -> [String: String] {
  var result: [String: String] = [:]
  var rest = arguments
  while let argument = rest.popFirst() {
    let sides = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(sides[0].drop { $0 == "-" })
    guard argument.hasPrefix("--"), let setting = Setting.named(name) else {
      throw Failure.usage(
        "'\(argument)' is not an option", remedy: "Options are those of swift-dist-train train.")
    }
    if sides.count == 2 {
      result[name] = String(sides[1])
    } else if setting.isSwitch {
      result[name] = "true"
    } else if let value = rest.popFirst() {
      result[name] = value
    } else {
      throw Failure.usage("\(name): a value is missing")
    }
  }
  return result
}
