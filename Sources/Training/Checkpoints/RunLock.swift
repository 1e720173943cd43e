import Basics
import Glibc
import Reports

/// Keeps two jobs from writing one run: an advisory lock on the file `.lock` in the run's folder,
/// which says who holds it. The kernel gives it back however the job ends; the file stays.
package final class RunLock: Sendable {
  private let descriptor: Int32

  /// - Parameter patienceSeconds: how long a job that was killed may take to be gone.
  /// - Throws: `Failure.usage` naming the holder where another job has it.
  package init(folder: String, patienceSeconds: Double = 5) throws {
    let path = folder + "/.lock"
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else { throw systemFailure(path) }
    var waited = 0.0
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      // Some file systems know no locks; a run is worth more than the check.
      guard errno == EWOULDBLOCK || errno == EINTR else { return }
      guard waited < patienceSeconds else {
        let holder = (try? readTextFile(path, limit: 4096)) ?? ""
        throw Failure.usage(
          "run: \(folder) is being written by \(Console.printable(holder))",
          remedy: "Wait for that job, end it, or choose another folder with --run.")
      }
      usleep(100_000)
      waited += 0.1
    }
    let text = Array(RunLock.holder().utf8)
    ftruncate(descriptor, 0)
    _ = text.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
  }

  deinit { close(descriptor) }

  /// "process 4711 on host n3, Slurm job 12".
  private static func holder() -> String {
    let jobs = [("Slurm", "SLURM_JOB_ID"), ("PBS", "PBS_JOBID"), ("LSF", "LSB_JOBID")]
    let job = jobs.compactMap { system, variable in
      getenv(variable).map { ", \(system) job \(String(cString: $0))" }
    }
    return "process \(getpid()) on host \(hostName())\(job.first ?? "")"
  }
}
