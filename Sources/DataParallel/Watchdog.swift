import Basics
import CKernels
import Glibc
import Synchronization

/// Ends a job in which somebody is lost, and says who: mpirun itself never sees a hang.
///
/// A thread of every process, from before `MPI_Init` to the end. It notices that its own rank has
/// made no progress, whether it works or waits; the first of a node to notice reads the statuses
/// of all of them, names the rank that waits for nobody, and leaves with 74, at which mpirun ends
/// the rest. It calls no MPI. What a stopped process last said is old: its own thread stands still
/// too, so that its heartbeat ends.
package final class Watchdog: Sendable {
  /// Seconds without progress.
  package struct Limits: Sendable, Equatable {
    /// Asked for with `--hang-timeout`: for every phase.
    package var fixed: Double?
    /// Steps that a host takes alone; it may have to wait that long for a slower one.
    package var roundSteps: Int

    package init(fixed: Double? = nil, roundSteps: Int = 1) {
      self.fixed = fixed
      self.roundSteps = roundSteps
    }

    private func steps(_ phase: RankStatus.Phase, _ count: Int) -> Double {
      Double(phase == .joining ? max(count, count / 20 * roundSteps) : count)
    }

    /// When somebody is told. Phases whose length no step tells have a minute.
    package func warning(_ phase: RankStatus.Phase, medianStep: Double) -> Double {
      max(phase.isShort ? 10 : 60, steps(phase, 20) * medianStep)
    }

    /// When the job ends. Phases whose length no step tells have 10 minutes.
    package func end(_ phase: RankStatus.Phase, medianStep: Double) -> Double {
      if let fixed { return fixed }
      return max(phase.isShort ? 120 : 600, steps(phase, 100) * medianStep)
    }
  }

  /// The statuses of a node's ranks, from when they have a window to when it goes.
  struct Board: @unchecked Sendable {
    /// By position.
    let statuses: UnsafeMutablePointer<RankStatus>
    let positions: Range<Int>
    let own: Int
    let host: String
    let otherHosts: [String]
    /// 0, or 1 more than the position of the rank that reports.
    let claim: UnsafeMutablePointer<UInt32>
  }

  private struct Report {
    let text: String
    /// Where it ends the job.
    var remedy: String?
    /// Where nobody sees the others, rank 0 speaks first.
    var isSecond = false
  }

  private struct State {
    /// What this rank says where there is no board.
    var alone = RankStatus()
    var board: Board?
    var limits: Limits
    /// The last steps' times in seconds, as a ring.
    var steps: [Double] = []
    var stepCount = 0
    var warnedSince: UInt64 = 0
    var lastLook: UInt64 = 0
    /// When this process went on that had been stopped: others may still be.
    var resumed: UInt64 = 0
    var lastPolls: UInt64 = 0
    var lastPoll: UInt64 = 0
  }

  private let state: Mutex<State>
  private static let remembered = 64
  private static let lookMicroseconds: UInt32 = 100_000

  package init(limits: Limits) { state = Mutex(State(limits: limits)) }

  /// Starts the thread, which lives as long as the process.
  /// - Throws: `Failure.internalError` where there can be none: a rank that nobody watches, and
  ///   that seems to be stopped.
  package func start(rank: Int) throws {
    state.withLock {
      $0.alone.rank = Int32(rank)
      $0.alone.process = getpid()
      $0.alone.since = ck_monotonic_ns()
    }
    var thread = pthread_t()
    let error = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        let watchdog = Unmanaged<Watchdog>.fromOpaque(argument).takeRetainedValue()
        // Signals are for the thread that trains.
        var signals = sigset_t()
        sigfillset(&signals)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        while true {
          watchdog.look()
          usleep(Watchdog.lookMicroseconds)
        }
      }, Unmanaged.passRetained(self).toOpaque())
    if error != 0 {
      throw Failure.internalError(
        "no thread for the watchdog: \(String(cString: strerror(error)))",
        remedy: "Allow this job more processes and threads (ulimit -u, the cgroup's pids.max).")
    }
  }

  package func setLimits(_ limits: Limits) { state.withLock { $0.limits = limits } }

  /// The last step took this long.
  package func didStep(seconds: Double) {
    state.withLock {
      if $0.steps.count < Watchdog.remembered {
        $0.steps.append(seconds)
      } else {
        $0.steps[$0.stepCount % Watchdog.remembered] = seconds
      }
      $0.stepCount += 1
    }
  }

  /// From now on this rank's status lies where the others of its node see it.
  func attach(_ board: Board) { state.withLock { $0.board = board } }

  /// The board goes: nobody else is seen any more.
  func detach() {
    state.withLock {
      $0.board = nil
      $0.alone.phase = .finishing
      $0.alone.since = ck_monotonic_ns()
    }
  }

  // MARK: The thread

  private func look() {
    let now = ck_monotonic_ns()
    let report: Report? = state.withLock { state in
      let pause = now &- state.lastLook
      state.lastLook = now
      let own = state.board.map { $0.statuses + $0.own }
      if let own {
        own.pointee.beat = now
        if own.pointee.polls != state.lastPolls {
          state.lastPolls = own.pointee.polls
          state.lastPoll = now
        }
        // A loop without an end inside a wait looks no more; on a busy host a look may be late.
        own.pointee.isWaiting =
          isInsideBlockingCall.load(ordering: .relaxed)
          || own.pointee.isPolling && now - state.lastPoll < 1_000_000_000
      }
      // This process itself was stopped, alone or with the whole job (`scontrol suspend`): its
      // clock starts again, and the others get a moment to be seen.
      if pause > 1_000_000_000 {
        own?.pointee.since = now
        state.alone.since = now
        state.resumed = now
        return nil
      }
      let status = own?.pointee ?? state.alone
      // It may have entered a phase since `now`.
      guard now > status.since else { return nil }
      let silence = Double(now - status.since) / 1e9
      guard silence > 0.5 else { return nil }
      let median = state.steps.isEmpty ? 0 : state.steps.median()
      guard let board = state.board else {
        guard silence > state.limits.end(status.phase, medianStep: median) else { return nil }
        return Watchdog.aloneReport(status, silence)
      }
      // What counts is the rank that is waited for, and how long its phase may take.
      let diagnosis = Diagnosis(board, now: now)
      let phase = diagnosis.oldest.phase
      let since = max(diagnosis.oldest.since, state.resumed)
      guard now > since else { return nil }
      let delay = Double(now - since) / 1e9
      if delay > state.limits.end(phase, medianStep: median) {
        if ck_claim(board.claim, UInt32(board.own + 1)) == 0 { return nil }
        return Report(text: diagnosis.text, remedy: "Continue with --resume latest.")
      }
      if state.warnedSince != since, delay > state.limits.warning(phase, medianStep: median) {
        state.warnedSince = since
        // One of them speaks: the first that is not itself the reason.
        if diagnosis.speaker == board.own { return Report(text: diagnosis.text) }
      }
      return nil
    }
    guard let report else { return }
    if let remedy = report.remedy {
      end(report, remedy)
    } else {
      say("swift-dist-train: warning: \(report.text)")
    }
  }

  private func end(_ report: Report, _ remedy: String) {
    if report.isSecond { usleep(500_000) }
    say(
      "swift-dist-train: \(report.text)\n  \(remedy) If the work really takes that long, raise "
        + "--hang-timeout.")
    // Another host may know more than this one.
    usleep(500_000)
    _exit(Failure.Kind.rankLost.rawValue)
  }

  /// In one call, and through no lock that a stuck thread could hold.
  private func say(_ text: String) {
    let bytes = Array((text + "\n").utf8)
    _ = write(2, bytes, bytes.count)
  }

  /// Before ranks know each other none can say who is missing: it is who does not say this.
  private static func aloneReport(_ status: RankStatus, _ silence: Double) -> Report {
    Report(
      text: "rank \(status.rank) (process \(status.process), host \(hostName())) has been "
        + "\(status.phase) for \(Int(silence)) s: another rank has not come so far",
      remedy: "A rank that does not say this is the missing one: see whether its host can be "
        + "reached and starts the program.",
      isSecond: status.rank != 0)
  }
}
