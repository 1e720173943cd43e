import Glibc

/// What the environment says about how this process was started. Ranks come from MPI alone; this
/// only cross-checks.
package enum Launcher {
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
