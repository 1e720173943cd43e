import ArgumentParser
import Basics
import Training

/// The program: parses, runs one subcommand on every rank, leaves with the documented code.
@main
struct Program {
  static func main() {
    let arguments = withNegativeNumbers(CommandLine.arguments.dropFirst())
    do {
      var command = try SwiftDistTrain.parseAsRoot(arguments)
      if let job = command as? any RankCommand {
        Job.run(job)
      } else {
        try command.run()
        Job.exit(0)
      }
    } catch let failure as Failure {
      Job.leave(before: failure)
    } catch {
      // ArgumentParser's own: --help and --version (0), unknown options and missing values (64).
      let code = SwiftDistTrain.exitCode(for: error)
      if code == .success {
        if Launcher.earlyRank == 0 { print(SwiftDistTrain.fullMessage(for: error)) }
        Job.exit(0)
      }
      Job.leave(
        before: .usage(
          SwiftDistTrain.message(for: error),
          remedy: "`swift-dist-train help` lists the commands, `train --help` the options."))
    }
  }
}

/// `--lr -1` as `--lr=-1`: a number out of range, which the parser would take for an unknown option
/// and call the value of the first one missing.
private func withNegativeNumbers(_ arguments: some Sequence<String>) -> [String] {
  arguments.reduce(into: []) { result, word in
    let isNegative = word.hasPrefix("-") && word.dropFirst().first?.isNumber ?? false
    if let option = result.last, isNegative || Double(word) == -.infinity,
      option.hasPrefix("--"), !option.contains("=")
    {
      result[result.count - 1] = "\(option)=\(word)"
    } else {
      result.append(word)
    }
  }
}

struct SwiftDistTrain: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "swift-dist-train",
    abstract: "Distributed data-parallel training over Open MPI.",
    discussion: """
      With no option at all it trains an MLP on the embedded handwritten digits:

        mpirun -np 8 swift-dist-train

      The number of ranks is no part of the arithmetic: with the same --logical-ranks, a run on \
      1, 2, 3 or 8 ranks ends in the same bits, and so does a run that was stopped and resumed.

      Exit codes: 0 finished, 64 usage, 65 bad data, model or checkpoint file, 70 internal, \
      73 cannot write, 74 a rank was lost or hung, 75 stopped early with a checkpoint (run again \
      with --resume latest), 76 diverged.
      """,
    version: Version.lines.joined(separator: "\n"),
    subcommands: [Train.self, Evaluate.self, Predict.self, Inspect.self, Check.self, Bench.self],
    defaultSubcommand: Train.self)
}
