import Basics
import Training

/// The command line of a program with a model of its own: `--name value`, `--name=value` and
/// `--switch` by the trainer's settings, `--config FILE` and `--help`.
struct OwnModelCommandLine {
  private(set) var flags: [String: String] = [:]
  private(set) var file: String?
  private(set) var asksForHelp = false

  /// - Throws: `Failure.usage` for an unknown option or a missing value.
  init(_ arguments: ArraySlice<String>) throws {
    var rest = arguments
    while let argument = rest.popFirst() {
      let sides = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(sides[0].drop { $0 == "-" })
      let setting = Setting.named(name)
      guard argument.hasPrefix("--"), setting != nil || ["config", "help"].contains(name) else {
        throw Failure.usage(
          "'\(argument)' is not an option",
          remedy: "Options are those of swift-dist-train train; --help lists them.")
      }
      if name == "model" {
        throw Failure.usage(
          "model: this program has a model of its own",
          remedy: "swift-dist-train train takes models by name and by file.")
      }
      if name == "help" {
        asksForHelp = true
      } else if sides.count == 2 {
        set(name, to: String(sides[1]))
      } else if setting?.isSwitch == true {
        set(name, to: "true")
      } else if let value = rest.popFirst() {
        set(name, to: value)
      } else {
        throw Failure.usage("\(name): a value is missing")
      }
    }
  }

  private mutating func set(_ name: String, to value: String) {
    if name == "config" { file = value } else { flags[name] = value }
  }

  /// The options' names, with what this program gives them.
  static func help(defaults: [String: String]) -> String {
    let options = Setting.all.filter { $0.name != "model" }.map { setting in
      "  --\(setting.name)" + (setting.isSwitch ? "" : " VALUE")
        + (defaults[setting.name].map { "  (here: \($0))" } ?? "")
    }
    return """
      A program that trains a model of its own under mpirun. Options, as `swift-dist-train train
      --help` explains them:

        --config FILE  (YAML, one key an option; flags win)
      \(options.joined(separator: "\n"))
      """
  }
}
