package import Basics
import CKernels
package import DataParallel
import Glibc
import MPI
import Reports

/// A subcommand that every rank runs.
package protocol RankCommand {
  /// Whether SIGUSR1, SIGUSR2 and SIGTERM ask it to save, instead of ending it.
  static var savesOnSignals: Bool { get }
  /// Seconds without progress after which the job ends; nil: by phase and the length of a step.
  var hangTimeout: Double? { get }
  /// Whether it says itself what differs between the ranks, instead of being refused.
  static var comparesRanks: Bool { get }
  /// Whether it compares its options by their values, as a training does.
  static var comparesOptions: Bool { get }
  func run(on group: RankGroup) throws -> Int32
}

extension RankCommand {
  package static var savesOnSignals: Bool { false }
  package var hangTimeout: Double? { nil }
  package static var comparesRanks: Bool { false }
  package static var comparesOptions: Bool { false }
}

/// The life of one process in a job: MPI's beginning, the command, and the end that fits the
/// outcome.
package enum Job {
  package static func run<Command: RankCommand>(_ command: Command) -> Never {
    // Before MPI starts, which takes long enough to be signalled in.
    if Command.savesOnSignals { ck_install_signal_flag() }
    do {
      exit(try perform(command))
    } catch {
      let failure = (error as? Failure) ?? .internalError("\(error)")
      report(failure)
      exit(failure.kind.rawValue)
    }
  }

  private static func perform(_ command: some RankCommand) throws -> Int32 {
    let watchdog = Watchdog(limits: .init(fixed: command.hangTimeout))
    try watchdog.start(rank: Launcher.earlyRank)
    let runtime = try MPIRuntime()
    let world = try runtime.world()
    let code = outcome(of: command, on: world, watchdog: watchdog)
    try runtime.finalize()
    return code
  }

  /// In a function of its own: communicators and windows are freed before MPI ends.
  private static func outcome<Command: RankCommand>(
    of command: Command, on world: consuming Communicator, watchdog: Watchdog
  ) -> Int32 {
    do {
      let group = try RankGroup(world: world, watchdog: watchdog)
      var code: Int32
      do {
        try Launcher.check(group)
        let options = Command.comparesOptions ? [] : CommandLine.arguments.dropFirst()
        try group.requireSame(
          "command", ["\(Command.self)"] + options, else: .usage,
          remedy: "Start all ranks with one command line.")
        if !Command.comparesRanks {
          try group.requireSame(
            "program", ProgramIdentity.lines(group), else: .usage,
            remedy: "Install one program and the same libraries on every host.")
        }
        code = try command.run(on: group)
      } catch let failure as CollectiveFailure {
        // Every rank is here: all leave in good order, one prints.
        if let own = failure.failure { report(own) }
        code = failure.kind.rawValue
      }
      try group.freeSharedMemory()
      return code
    } catch {
      // Only this rank is here: the others would wait for ever.
      let failure = (error as? Failure) ?? .internalError("\(error)")
      report(failure)
      MPIRuntime.abort(failure.kind.rawValue)
      return failure.kind.rawValue
    }
  }

  /// Leaves before MPI has started; one rank prints.
  package static func leave(before failure: Failure) -> Never {
    if Launcher.earlyRank == 0 {
      report(failure)
    } else {
      // The first rank to leave makes mpirun end the others: rank 0 must have spoken before.
      sleep(1)
    }
    exit(failure.kind.rawValue)
  }

  package static func exit(_ code: Int32) -> Never {
    fflush(nil)
    Glibc.exit(code)
  }

  private static func report(_ failure: Failure) {
    let console = Console(mode: .off, isQuiet: false)
    console.line("swift-dist-train: \(failure.description)")
  }
}
