import Basics
import Datasets
import Logging
import Reports

/// A setting that a resumed run is given another value for.
struct SettingChange {
  enum Kind {
    /// No part of the arithmetic.
    case allowed
    /// The steps that were done stand, those to come are others than they would have been.
    case warned
    /// The run would no longer be one.
    case refused
  }

  let kind: Kind
  let text: String

  /// The length of a run stretches its schedule; the limit of skipped steps ends it elsewhere.
  private static let warnedNames: Set<String> = ["epochs", "steps", "max-skipped"]

  /// Files may lie elsewhere now; whether they are the same is for their content to say.
  private static let pathNames: Set<String> = ["data", "val-data", "test-data"]

  static func all(from stored: RunConfiguration, to now: RunConfiguration) -> [SettingChange] {
    Setting.all.compactMap { setting in
      guard !RunConfiguration.placeSettings.contains(setting.name) else { return nil }
      let (before, after) = (setting.print(stored), setting.print(now))
      guard before != after else { return nil }
      let isMoved =
        pathNames.contains(setting.name)
        && [before, after].allSatisfy { $0.map(DataOptions.isPath) ?? false }
      let kind: Kind =
        if isMoved {
          .allowed
        } else if !setting.isFreeOnResume {
          .refused
        } else {
          warnedNames.contains(setting.name) ? .warned : .allowed
        }
      return SettingChange(
        kind: kind,
        text: "\(setting.name): the run was started with \(before ?? "nothing"), "
          + "now \(after ?? "nothing")")
    }
  }

  /// - Throws: `Failure.usage` listing all that cannot be.
  static func refuse(_ changes: [SettingChange]) throws {
    let refused = changes.filter { $0.kind == .refused }.map(\.text)
    guard refused.isEmpty else {
      throw Failure.usage(
        refused.joined(separator: "; "), remedy: "Leave the option out, or start a new run.")
    }
  }

  static func report(_ changes: [SettingChange], on console: Console) {
    for change in changes {
      if change.kind == .warned {
        console.logger.warning("\(change.text): the steps to come are those of the new value")
      } else {
        console.line(change.text)
      }
    }
  }
}
