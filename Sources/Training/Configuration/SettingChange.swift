import Basics
import Logging
import Reports

/// A setting that a resumed run is given another value for.
struct SettingChange {
  let kind: Setting.Change
  let text: String

  static func all(from stored: RunConfiguration, to now: RunConfiguration) -> [SettingChange] {
    Setting.stored.compactMap { setting in
      let (before, after) = (setting.print(stored), setting.print(now))
      guard before != after else { return nil }
      return SettingChange(
        kind: setting.change,
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
