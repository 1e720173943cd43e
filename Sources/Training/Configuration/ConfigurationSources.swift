import Basics
package import Datasets
import Models
import Reports
import Yams

/// Where the values of a run come from: defaults, then a checkpoint that is resumed, then a
/// configuration file, then flags; the later wins.
package struct ConfigurationSources {
  package private(set) var configuration = RunConfiguration()
  /// Where each value that is not a default came from.
  package private(set) var origins: [String: String] = [:]

  package init() {}

  /// - Throws: `Failure.usage` naming option and origin.
  package mutating func apply(_ name: String, _ value: String, from origin: String) throws {
    guard let setting = Setting.named(name) else {
      throw Failure.usage(
        "\(name): unknown option (from \(origin))",
        remedy: "`swift-dist-train train --help` lists them.")
    }
    do {
      try setting.read(&configuration, value)
    } catch var failure as Failure {
      failure.message += " (from \(origin))"
      throw failure
    }
    origins[name] = origin
  }

  /// A resumed run that is given new epochs, and not steps, is as long as the epochs say.
  mutating func letNewEpochsWin(over stored: String) {
    if origins["epochs"].map({ $0 != stored }) ?? false, origins["steps"] == stored {
      configuration.steps = nil
      origins["steps"] = nil
    }
  }

  /// Flags, in the order of `Setting.all`.
  /// - Throws: `Failure.usage` for a name that is no option.
  package mutating func apply(flags: [String: String]) throws {
    if let unknown = flags.keys.sorted().first(where: { Setting.named($0) == nil }) {
      try apply(unknown, "", from: "--\(unknown)")
    }
    for setting in Setting.all {
      if let value = flags[setting.name] {
        try apply(setting.name, value, from: "--\(setting.name)")
      }
    }
  }

  /// Every key of a YAML file.
  /// - Throws: `Failure.usage` (64) naming file, line and key.
  package mutating func apply(file path: String) throws {
    let text: String
    do {
      text = try readTextFile(path, limit: 1 << 20)
    } catch let failure as Failure {
      throw Failure.usage("config: " + failure.message)
    }
    let root: Node?
    do {
      root = try Yams.compose(yaml: text)
    } catch YamlError.duplicatedKeysInMapping(let names, _) {
      throw ConfigurationSources.duplicate(names.first ?? "?", in: text, path)
    } catch {
      throw Failure.usage("config: \(path): not YAML: \(ModelFile.describe(error))")
    }
    guard case .mapping(let mapping)? = root else {
      throw Failure.usage("config: \(path): expected a mapping of options to values")
    }
    for (key, value) in mapping {
      let place = "\(path), line \(key.mark?.line ?? 0)"
      guard let name = key.string else {
        throw Failure.usage("config: \(place): a key that is no name")
      }
      try apply(name, try ConfigurationSources.text(of: value, name: name, place), from: place)
    }
  }

  /// Yams knows a duplicate's name and not its line.
  private static func duplicate(_ name: String, in text: String, _ path: String) -> Failure {
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    let line = lines.lastIndex { $0.hasPrefix(name + ":") }.map { ", line \($0 + 1)" } ?? ""
    return Failure.usage("config: \(path)\(line): '\(name)' stands twice")
  }

  /// A scalar as written; a list with commas.
  private static func text(of node: Node, name: String, _ place: String) throws -> String {
    switch node {
    case .scalar(let scalar): return scalar.string
    case .sequence(let items) where items.allSatisfy { $0.scalar != nil }:
      return items.compactMap { $0.scalar?.string }.joined(
        separator: Setting.named(name)?.separator ?? ",")
    default: throw Failure.usage("\(name): expected one value (from \(place))")
    }
  }

  /// What `body` refuses later than `apply` could, with where the value that it names came from.
  func locating<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch var failure as Failure where failure.kind == .usage {
      let name = String(failure.message.prefix { !": ".contains($0) })
      if let origin = origins[name] { failure.message += " (from \(origin))" }
      throw failure
    }
  }

  /// Refuses what was given and would do nothing.
  /// - Throws: `Failure.usage` naming option and origin.
  package func refuseIdle(for description: DatasetDescription) throws {
    let defaults = RunConfiguration()
    for rule in IdleSettings.all where !rule.areUsed(configuration, description) {
      for name in rule.names {
        guard let setting = Setting.named(name), let origin = origins[name],
          setting.print(configuration) != setting.print(defaults)
        else { continue }
        throw Failure.usage("\(name): \(rule.problem) (from \(origin))", remedy: rule.remedy)
      }
    }
  }

  /// `name: value  # origin` lines of every setting that has a value.
  package func describe(_ resolved: RunConfiguration) -> [String] {
    Setting.all.compactMap { setting in
      guard let value = setting.print(resolved) else { return nil }
      let given = setting.print(configuration) == value
      let isDefault = given || ["optimizer", "lr"].contains(setting.name)
      let fallback =
        isDefault
        ? "default" : setting.name == "threads" ? "from the machine" : "from data and ranks"
      let origin = origins[setting.name] ?? fallback
      return "\(setting.name): \(ConfigurationSources.quoted(value))  # \(origin)"
    }
  }

  /// The values that are set, as checkpoints store them.
  package static func values(
    of configuration: RunConfiguration, _ settings: [Setting] = Setting.all
  ) -> [String: String] {
    var result: [String: String] = [:]
    for setting in settings { result[setting.name] = setting.print(configuration) }
    return result
  }

  /// `config.yaml`: plain `name: value` lines.
  package static func yaml(
    of configuration: RunConfiguration, _ settings: [Setting] = Setting.all
  ) -> String {
    settings.compactMap { setting in
      setting.print(configuration).map { "\(setting.name): \(quoted($0))\n" }
    }.joined()
  }

  /// A YAML scalar that reads back as the same text.
  private static func quoted(_ value: String) -> String {
    let isPlain = value.allSatisfy {
      $0.isASCII && ($0.isLetter || $0.isNumber || "._-/+=".contains($0))
    }
    let startsPlain = value.first.map { $0.isLetter || $0.isNumber || $0 == "/" } ?? false
    return isPlain && startsPlain ? value : JSONLine.quoted(value)
  }
}
