/// One option: its name, how it is read into a configuration, and how it is printed from one.
package struct Setting {
  /// What another value means for a run that is resumed.
  package enum Change {
    /// The run would no longer be one: it is part of the arithmetic.
    case refused
    /// The steps that were done stand, those to come are others than they would have been.
    case warned
    /// It is no part of the arithmetic.
    case allowed
    /// It says where and how the program was called, which no checkpoint stores and none decides.
    case unstored
  }

  package let name: String
  package let change: Change
  /// Whether it is a switch, given without a value.
  package let isSwitch: Bool
  /// What stands between the values of a list.
  package let separator: String
  package let read: (inout RunConfiguration, String) throws -> Void
  /// The value as it would be written, nil where it is unset.
  package let print: (RunConfiguration) -> String?

  init(
    _ name: String, change: Change = .refused, isSwitch: Bool = false, separator: String = ",",
    print: @escaping (RunConfiguration) -> String?,
    read: @escaping (inout RunConfiguration, String) throws -> Void
  ) {
    self.name = name
    self.change = change
    self.isSwitch = isSwitch
    self.separator = separator
    self.print = print
    self.read = read
  }

  package static func named(_ name: String) -> Setting? { all.first { $0.name == name } }

  /// In the order of `--help` and of `config.yaml`.
  package static var all: [Setting] { data + optimization + run + distribution }

  /// Those that the files of a run hold.
  package static var stored: [Setting] { all.filter(\.isStored) }

  var isStored: Bool { change != .unstored }
}
