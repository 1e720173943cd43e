import Foundation
import Testing

extension Integration {
  /// SIGKILL at random moments, writing of checkpoints included, and a restart at a random number
  /// of ranks, until done: the bits of a run that was left alone.
  ///
  /// `DIST_TRAIN_KILL_ROUNDS=200 launch/test --filter KillTests` is the long form;
  /// `DIST_TRAIN_KILL_SEED` repeats one.
  @Suite struct KillTests {
    /// 100 checkpoints, so that most moments are within a save.
    static let recipe = [
      "--logical-ranks", "4", "--threads", "1", "--steps", "3000", "--checkpoint-every", "30st",
      "--eval-every", "500st", "--keep", "2", "--schedule", "cosine", "--log-every", "500",
      "--quiet",
    ]

    private static func variable(_ name: String) -> UInt64? {
      ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    @Test func `Killed again and again`() throws {
      let rounds = Int(Self.variable("DIST_TRAIN_KILL_ROUNDS") ?? 3)
      let seed = Self.variable("DIST_TRAIN_KILL_SEED") ?? .random(in: 0..<1 << 32)
      var random = SplitMix(state: seed)
      let folder = try TemporaryFolder(isOnDisk: true)
      let whole = folder.run("whole")
      let alone = try IntegrationTests.run(ranks: 2, expecting: 0, Self.recipe + whole.option)
      // Late enough to have started, early enough for each to find its job at work.
      let moments = 100_000...UInt32(max(0.2, 0.5 * alone.seconds) * 1e6)
      var kills = (startUp: 0, training: 0, saving: 0)
      var (starts, stuck, crashed) = (0, 0, 0)
      for round in 0..<rounds {
        let run = folder.run("round")
        var code: Int32 = 1
        // Three jobs are killed; the next may end.
        var start = 0
        while code != 0 {
          try #require(start < 20, "no end; seed \(seed), round \(round)")
          let ranks = Int.random(in: 1...8, using: &random)
          let job = try Job(ranks: ranks, Self.recipe + run.option + ["--resume", "auto"])
          starts += 1
          if start < 3 {
            usleep(.random(in: moments, using: &random))
            if let victim = job.ranks.randomElement(using: &random) {
              if !run.entries().contains("latest") {
                kills.startUp += 1
              } else if run.entries("checkpoints").contains(where: { $0.hasSuffix(".new") }) {
                kills.saving += 1
              } else {
                kills.training += 1
              }
              kill(victim.id, SIGKILL)
              if endStuck(job) { stuck += 1 }
            }
          }
          let outcome = try job.finish(timeout: 60)
          code = outcome.code
          // Open MPI's mpirun may crash at its own end, having told of the rank that was killed.
          if code == 139 && outcome.stderr.contains("PMIx_server_finalize") {
            crashed += 1
            code = 137
          }
          try #require([0, 137].contains(code), "seed \(seed), round \(round): \(outcome)")
          start += 1
        }
        #expect(try run.digest() == whole.digest(), "seed \(seed), round \(round)")
        let state = "latest/optimizer.safetensors"
        #expect(try run.digest(state) == whole.digest(state), "seed \(seed), round \(round)")
        #expect(try logged(run) == logged(whole), "seed \(seed), round \(round)")
        try FileManager.default.removeItem(atPath: run.path)
      }
      let all = kills.startUp + kills.training + kills.saving
      #expect(all >= rounds, "\(all) kills in \(rounds) rounds: most jobs ended before")
      print(
        "kill test: seed \(seed), \(rounds) rounds, \(starts) starts; killed before the first "
          + "checkpoint \(kills.startUp), within a save \(kills.saving), else \(kills.training); "
          + "mpirun itself stuck \(stuck), crashed \(crashed)")
    }

    /// Steps with a line, those of spikes among them, and their losses.
    private func logged(_ run: RunFolder) throws -> [[String]] {
      try run.metrics("step").map { [try $0.literal("step"), try $0.literal("loss")] }
    }

    /// Where a rank dies while it connects, Open MPI's mpirun may wait for itself for ever when all
    /// ranks have left. `launch/run` ends such a one, and so does this.
    /// - Returns: whether there was one.
    private func endStuck(_ job: Job) -> Bool {
      var left = ContinuousClock.now
      while !job.hasEnded() {
        if !job.ranks.isEmpty { left = .now }
        if ContinuousClock.now - left > .seconds(10) {
          job.signalLauncher(SIGKILL)
          return true
        }
        usleep(50_000)
      }
      return false
    }
  }
}

/// Random numbers that a seed repeats. Source: Steele, Lea, Flood, OOPSLA 2014.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}
