import Basics
import DataParallel
import Glibc
import MPI

/// What the environment says about how this process was started. Ranks come from MPI alone; this
/// only cross-checks.
package enum Launcher {
  /// Refuses a world that is not what the launcher meant: eight jobs of one rank, each of which
  /// would do all the work. Collective: every rank.
  static func check(_ group: RankGroup) throws {
    try group.agree {
      if group.world.size == 1, let tasks = expectedTasks, tasks > 1 {
        throw Failure.usage(
          "the launcher started \(tasks) tasks, but each is an MPI world of its own",
          remedy: "Under Slurm use mpirun, or srun --mpi=pmix; Debian's Open MPI knows no other.")
      }
    }
  }

  /// - Throws: `Failure.usage` where mpirun has started this process, which is to start it itself.
  package static func requireNone(for command: String) throws {
    if number("OMPI_COMM_WORLD_SIZE") != nil {
      throw Failure.usage(
        "\(command): started by mpirun", remedy: "Start it without: it starts mpirun itself.")
    }
  }

  /// Tasks the launcher meant to start together, where it says so.
  static var expectedTasks: Int? {
    for name in ["OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS"] {
      if let tasks = number(name) { return tasks }
    }
    return nil
  }

  /// This process's rank before MPI has started: only to decide who prints a usage error.
  package static var earlyRank: Int {
    number("OMPI_COMM_WORLD_RANK") ?? number("PMIX_RANK") ?? number("SLURM_PROCID") ?? 0
  }

  private static func number(_ name: String) -> Int? {
    getenv(name).flatMap { Int(String(cString: $0)) }
  }
}
