/// A problem the user must hear about: what was wrong, where, and what to do.
///
/// Every target throws this one type for bad input, so that the command line can print one
/// sentence and leave with the documented exit code. Programmer errors are preconditions instead.
package struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
  /// The exit code the process leaves with (sysexits(3) where it has a fitting one).
  package enum Kind: Int32, Sendable, Codable {
    case usage = 64
    case badData = 65
    case internalError = 70
    case cannotWrite = 73
    case rankLost = 74
    case stoppedEarly = 75
    case diverged = 76
  }

  package var kind: Kind
  /// What was wrong, with the place first: `file.csv, line 3: expected 5 fields, found 4`.
  package var message: String
  /// What to do about it; empty where the message says all there is.
  package var remedy: String

  package init(_ kind: Kind, _ message: String, remedy: String = "") {
    self.kind = kind
    self.message = message
    self.remedy = remedy
  }

  package static func usage(_ message: String, remedy: String = "") -> Failure {
    Failure(.usage, message, remedy: remedy)
  }

  package static func badData(_ message: String, remedy: String = "") -> Failure {
    Failure(.badData, message, remedy: remedy)
  }

  package static func cannotWrite(_ message: String, remedy: String = "") -> Failure {
    Failure(.cannotWrite, message, remedy: remedy)
  }

  package static func diverged(_ message: String, remedy: String = "") -> Failure {
    Failure(.diverged, message, remedy: remedy)
  }

  package static func internalError(_ message: String, remedy: String = "") -> Failure {
    Failure(.internalError, message, remedy: remedy)
  }

  package var description: String { remedy.isEmpty ? message : "\(message)\n  \(remedy)" }
}
