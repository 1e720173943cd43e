import Foundation
import Testing

extension Integration {
  /// Hosts that train apart and meet now and then.
  @Suite(.enabled(if: Hosts.arePermitted, "namespaces are not permitted here: one host only"))
  struct OuterStepTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder(isOnDisk: true) }

    private static let recipe = ["--threads", "1", "--logical-ranks", "8", "--quiet"]

    /// Linear regression on 8 rows, of which each of two hosts has its own 4, against the formula of
    /// arXiv 2311.08105 in double.
    @Test func `Two hosts follow the paper`() throws {
      let rows = (0..<8).map { row in
        let x = [Double(row * 5 % 7) / 4 - 0.5, Double(row * 3 % 8) / 8]
        return (x: x, y: 1.5 * x[0] - 0.5 * x[1] + (row < 4 ? 0.25 : -1))
      }
      let table = try folder.write(
        "table.csv",
        "a,b,y\n" + rows.map { "\($0.x[0]),\($0.x[1]),\($0.y)\n" }.joined())
      let recipe =
        ["--data", table, "--target", "y", "--model", "linear", "--val-fraction", "0"]
        + ["--batch-size", "full", "--no-shuffle", "--logical-ranks", "2", "--threads", "1"]
        + ["--task", "regression"]
        + ["--optimizer", "momentum", "--momentum", "0.5", "--quiet"]
      // A rate at which nothing moves shows where the run begins.
      let still = folder.run("still")
      try IntegrationTests.run(
        ranks: 1, expecting: 0, recipe + ["--steps", "1", "--lr", "1e-30"] + still.option)
      let begin = try parameters(still.model)

      let (steps, length, rate, outerRate, outerMomentum) = (7, 3, 0.05, 0.6, 0.8)
      var hosts = Array(repeating: begin, count: 2)
      var buffers = Array(repeating: [0.0, 0, 0], count: 2)
      var (shared, velocity) = (begin, [0.0, 0, 0])
      for step in 1...steps {
        for host in 0..<2 {
          let own = rows[(4 * host)..<(4 * host + 4)]
          var gradient = [0.0, 0, 0]
          for row in own {
            let inputs = row.x + [1]
            let error = zip(inputs, hosts[host]).reduce(0) { $0 + $1.0 * $1.1 } - row.y
            for index in 0..<3 { gradient[index] += 2 * error * inputs[index] / 4 }
          }
          for index in 0..<3 {
            buffers[host][index] = 0.5 * buffers[host][index] + gradient[index]
            hosts[host][index] -= rate * buffers[host][index]
          }
        }
        guard step % length == 0 || step == steps else { continue }
        for index in 0..<3 {
          let change = shared[index] - (hosts[0][index] + hosts[1][index]) / 2
          velocity[index] = outerMomentum * velocity[index] + change
          shared[index] -= outerRate * (change + outerMomentum * velocity[index])
          buffers[0][index] = (buffers[0][index] + buffers[1][index]) / 2
        }
        buffers[1] = buffers[0]
        hosts = [shared, shared]
      }

      let pair = try Hosts([1, 1])
      let run = folder.run("run")
      try IntegrationTests.run(
        ranks: 2, expecting: 0,
        recipe + run.option + ["--steps", "\(steps)", "--lr", "\(rate)"]
          + ["--local-steps", "\(length)", "--outer-lr", "\(outerRate)"]
          + ["--outer-momentum", "\(outerMomentum)"],
        prefix: pair.prefix)
      let optimizer = run.path + "/latest/optimizer.safetensors"
      for (name, values, expected) in [
        ("parameters", try parameters(run.model), shared),
        ("momentum", try parameters(optimizer, "momentum_buffer."), buffers[0]),
        ("outer momentum", try parameters(optimizer, "outer_momentum_buffer."), velocity),
      ] {
        let error = zip(values, expected).map { abs($0 - $1) }.max() ?? 1
        #expect(error <= 1e-5 * (expected.map(abs).max() ?? 0), "\(name): \(values) \(expected)")
      }
    }

    /// Of the linear model: two weights and the bias.
    private func parameters(_ path: String, _ prefix: String = "") throws -> [Double] {
      let tensors = try Weights(path).tensors
      return try ["weight", "bias"].flatMap { name in
        try #require(tensors[prefix + name], "\(tensors.keys)").values.map(Double.init)
      }
    }

    /// One step of plain SGD each, and the mean of where they come to: that is data parallelism.
    @Test func `The mean of one step is a step of all`() throws {
      let hosts = try Hosts([2, 2])
      let recipe = Self.recipe + ["--steps", "1", "--optimizer", "sgd", "--lr", "0.5"]
      let mean = ["--local-steps", "2", "--outer-lr", "1", "--outer-momentum", "0"]
      let (together, apart) = (folder.run("together"), folder.run("apart"))
      try IntegrationTests.run(
        ranks: 4, expecting: 0, recipe + together.option, prefix: hosts.prefix)
      try IntegrationTests.run(
        ranks: 4, expecting: 0, recipe + mean + apart.option, prefix: hosts.prefix)
      let expected = try Weights(together.model).tensors
      for (name, tensor) in try Weights(apart.model).tensors {
        let values = try #require(expected[name]?.values)
        let error = difference(tensor.values, values).map(abs).max() ?? 0
        // Roundings of weights, and of their differences.
        #expect(error <= 1e-6 * (values.map(abs).max() ?? 0), "\(name): \(error)")
      }
    }

    /// The leaves of a host are the same, whatever ranks it has; running statistics and random
    /// numbers too.
    @Test(arguments: [
      "--clip-norm 0.5 --ema", "--optimizer lamb --model NORM",
    ])
    func `Ranks of the hosts change no bit`(options: String) throws {
      let model = try folder.write(
        "norm.yaml",
        "layers:\n  - linear: 32\n  - batchnorm\n  - relu\n  - dropout: 0.2\n  - linear: 10\n")
      let recipe =
        Self.recipe + ["--epochs", "2", "--local-steps", "5"]
        + options.replacing("NORM", with: model).split(separator: " ").map(String.init)
      let (one, two) = (folder.run("one"), folder.run("two"))
      let pair = try Hosts([1, 1])
      try IntegrationTests.run(
        ranks: 2, expecting: 0, recipe + one.option, prefix: pair.prefix)
      let hosts = try Hosts([2, 2])
      try IntegrationTests.run(
        ranks: 4, expecting: 75, recipe + two.option + ["--stop-after", "21"], prefix: hosts.prefix)
      #expect(two.steps == [25])
      try IntegrationTests.run(
        ranks: 4, expecting: 0, two.option + ["--resume", "latest", "--quiet"],
        prefix: hosts.prefix)
      for file in ["model.safetensors", "latest/optimizer.safetensors", "latest/state.json"] {
        #expect(try two.digest(file) == one.digest(file), "\(file)")
      }
      let alone = folder.run("alone")
      try IntegrationTests.run(ranks: 2, expecting: 0, recipe + alone.option)
      #expect(try alone.digest() != one.digest(), "one host is another run")
    }

    @Test func `Training is as good`() throws {
      let hosts = try Hosts([2, 1])
      let run = folder.run("run")
      // Past the comparison of the hosts' parameters at step 100.
      let outcome = try IntegrationTests.run(
        ranks: 3, expecting: 0,
        Self.recipe + run.option + ["--epochs", "8", "--local-steps", "10"], prefix: hosts.prefix)
      #expect(outcome.stderr.contains("local-steps 10: the bits depend on the hosts"))
      let config = try String(contentsOfFile: run.path + "/config.yaml", encoding: .utf8)
      #expect(config.contains("local-steps: 10\n") && config.contains("outer-lr: 0.7\n"))
      #expect(try #require(run.metrics("eval").last).number("accuracy") > 0.85)
      // The checkpoint is the whole run's: one host goes on with it.
      try IntegrationTests.run(
        ranks: 2, expecting: 0,
        run.option + ["--resume", "latest", "--quiet", "--epochs", "9"])
      #expect(try #require(run.metrics("eval").last).number("accuracy") > 0.85)
    }

    /// Parameters, and for Adam two arrays of state, once a round.
    @Test func `Bytes come from other hosts once a round`() throws {
      let hosts = try Hosts([1, 1])
      func megabytes(_ options: String...) throws -> Double {
        let outcome = try IntegrationTests.run(
          ranks: 2, expecting: 0,
          ["bench", "step", "--steps", "10", "--model", "mlp:500,500", "--threads", "1"] + options,
          prefix: hosts.prefix)
        let word = try #require(
          outcome.stdout.firstMatch(of: /received_mb=([0-9.]+)/), "\(outcome)")
        return try #require(Double(word.1))
      }
      let plain = try megabytes()
      #expect(try abs(megabytes("--local-steps", "5") / plain - 3.0 / 5) < 0.01)
      #expect(
        try abs(megabytes("--local-steps", "5", "--optimizer", "sgd") / plain - 1.0 / 5) < 0.01)
    }

    @Test func `A host without leaves is refused`() throws {
      let hosts = try Hosts([2, 1])
      let outcome = try IntegrationTests.run(
        ranks: 3, expecting: 64,
        ["--logical-ranks", "2", "--local-steps", "5"] + folder.run("run").option,
        prefix: hosts.prefix)
      for words in ["local-steps: host n2 has none of the 2 leaves", "number of ranks, 3"] {
        #expect(outcome.stderr.contains(words), "\(outcome)")
      }
    }

    /// In the middle of a round of its host, and while the other waits for it.
    @Test func `A stopped rank is named, a killed one ends the job`() throws {
      let hosts = try Hosts([2, 2])
      let recipe = HangTests.recipe + ["--local-steps", "100"]
      for (rank, signal) in [(0, SIGSTOP), (3, SIGSTOP), (2, SIGKILL)] {
        let run = folder.run("run-\(rank)")
        let job = try Job(ranks: 4, recipe + run.option, prefix: hosts.prefix)
        try job.wait { run.entries().contains("latest") }
        let process = try #require(job.ranks.first { $0.rank == rank }).id
        kill(process, signal)
        let outcome = try job.finish(timeout: 20)
        if signal == SIGSTOP {
          #expect(outcome.code == 74, "\(outcome)")
          #expect(outcome.stderr.contains("rank \(rank) (process \(process))"), "\(outcome)")
        } else {
          #expect(outcome.code == 137, "\(outcome)")
        }
      }
    }

    private static let endless =
      recipe + ["--steps", "100000000", "--eval-every", "100000000st"]

    /// Two hosts with a rank each; once there is a checkpoint, the second one is stopped and let go on
    /// for so many microseconds each, over and over, until `condition`.
    private func slowHost(
      _ run: RunFolder, _ options: [String], pulse: (stop: UInt32, run: UInt32),
      until condition: (Job) -> Bool
    ) throws -> (hosts: Hosts, job: Job) {
      let hosts = try Hosts([1, 1])
      let job = try Job(
        ranks: 2, Self.endless + ["--model", "mlp:512,512"] + run.option + options,
        prefix: hosts.prefix)
      try job.wait { run.entries().contains("latest") }
      let process = try #require(job.ranks.first { $0.rank == 1 }).id
      try job.wait {
        kill(process, SIGSTOP)
        usleep(pulse.stop)
        kill(process, SIGCONT)
        usleep(pulse.run)
        return condition(job)
      }
      return (hosts, job)
    }

    /// The second host's sample is none in every second step, and in all of the first round.
    @Test func `What another host skips is told, and its mean begins all the same`() throws {
      let rows = (0..<64).map { row -> String in
        let isBad = row % 4 == 3 || row == 1
        let x = Double(row * 5 % 17) / 8 - 1
        return isBad ? "1e30,1e30,1" : "\(x),\(x * x - 1),\(x + 0.5)"
      }
      let table = try folder.write("t.csv", "a,b,y\n" + rows.joined(separator: "\n") + "\n")
      let hosts = try Hosts([1, 1])
      let run = folder.run("run")
      let outcome = try IntegrationTests.run(
        ranks: 2, expecting: 0,
        ["--data", table, "--target", "y", "--task", "regression", "--model", "linear", "--ema"]
          + ["--val-fraction", "0", "--batch-size", "2", "--no-shuffle", "--logical-ranks", "2"]
          + ["--threads", "1", "--optimizer", "sgd", "--lr", "1e-4", "--steps", "8"]
          + ["--local-steps", "2", "--checkpoint-every", "2st", "--keep", "9"] + run.option,
        prefix: hosts.prefix)
      #expect(
        outcome.stderr.contains("step 2: gradients on n2 were not finite; 2 of"), "\(outcome)")
      let skips = try run.metrics("skip")
      #expect(skips.map(\.step) == [2, 4, 6, 8])
      #expect(skips.map { $0.object["count"] as? Int } == [2, 1, 1, 1])
      #expect(run.steps == [2, 4, 6, 8], "what the hosts joined is finite")
      let (weights, mean) = (
        try parameters(run.model), try parameters(run.path + "/ema.safetensors")
      )
      let error = zip(weights, mean).map { abs($0 - $1) }.max() ?? 1
      #expect(error < 0.02 * (weights.map(abs).max() ?? 0), "\(weights) \(mean)")
    }

    /// An epoch of 7 samples in batches of 3 leaves one, which is the second host's.
    @Test func `A host without a sample has no loss`() throws {
      let rows = (0..<7).map { "\(Double($0) / 4),\(Double($0) / 8 + 0.5)\n" }
      let table = try folder.write("t.csv", "a,y\n" + rows.joined())
      let hosts = try Hosts([1, 1])
      let run = folder.run("run")
      try IntegrationTests.run(
        ranks: 2, expecting: 0,
        ["--data", table, "--target", "y", "--task", "regression", "--model", "linear"]
          + ["--val-fraction", "0", "--batch-size", "3", "--logical-ranks", "2", "--threads", "1"]
          + ["--optimizer", "sgd", "--lr", "0.01", "--steps", "6", "--local-steps", "2"]
          + ["--log-every", "1", "--quiet"] + run.option,
        prefix: hosts.prefix)
      let losses = try run.metrics("step").map { $0.object["loss"] as? Double }
      #expect(losses.map { $0 != nil } == [true, true, false, true, true, false], "\(losses)")
    }

    /// The first host meets it once a round only.
    @Test func `A slow host is named`() throws {
      let run = folder.run("run")
      let (hosts, job) = try slowHost(
        run, ["--local-steps", "40", "--checkpoint-every", "400st"], pulse: (60_000, 20_000)
      ) { $0.stderr.contains("keeps the others waiting") }
      for rank in job.ranks { kill(rank.id, SIGUSR1) }
      let outcome = try job.finish(timeout: 20)
      #expect(outcome.code == 75, "\(outcome)")
      #expect(outcome.stderr.contains("rank 1 on n2 keeps the others waiting"), "\(outcome)")
      let lines = try run.metrics("straggler")
      let line = try #require(lines.count == 1 ? lines.first : nil, "\(lines)")
      #expect(line.object["rank"] as? Int == 1 && line.step.map { $0 % 40 } == 0, "\(line)")
      let (own, other) = try (line.number("compute_ms"), line.number("median_compute_ms"))
      #expect(own > 1.5 * other && other > 0, "\(line)")
      // What one host computes longer, the other waits for it, less what the meeting takes.
      #expect(try line.number("median_wait_ms") > (own - other) / 2, "\(line)")
      #expect(try line.number("median_wait_ms") > line.number("wait_ms"), "\(line)")
      withExtendedLifetime(hosts) {}
    }

    /// The first host waits for it, and cannot look at the clock.
    @Test func `A host becomes too slow for the job's time`() throws {
      let run = folder.run("run")
      let (hosts, job) = try slowHost(
        run, ["--local-steps", "300", "--checkpoint-every", "300st", "--time-limit", "20s"],
        pulse: (1_000_000, 5000)
      ) { $0.stderr.contains(" is lost") }
      let outcome = try job.finish(timeout: 20)
      #expect(outcome.code == 75, "\(outcome)")
      let step = try #require(run.steps.max())
      #expect(step % 300 == 0, "\(outcome)")
      #expect(outcome.stderr.contains("what came after step \(step) is lost"), "\(outcome)")
      try IntegrationTests.run(
        ranks: 2, expecting: 0,
        run.option + ["--resume", "latest", "--quiet", "--steps", "\(step + 500)"],
        prefix: hosts.prefix)
      #expect(try run.metrics("end").last?.step == step + 500)
    }

    @Test func `The job's time is over`() throws {
      let hosts = try Hosts([2, 1])
      let run = folder.run("run")
      let outcome = try IntegrationTests.run(
        ranks: 3, expecting: 75,
        Self.endless + run.option
          + ["--local-steps", "70", "--checkpoint-every", "70000000st", "--time-limit", "14s"],
        prefix: hosts.prefix)
      let end = try #require(run.metrics("end").last)
      #expect(try end.text("reason") == "time-limit" && end.number("wall_s") < 14, "\(outcome)")
      let step = try #require(end.step)
      #expect(step % 70 == 0 && run.steps == [step], "saved where the hosts met")
      try IntegrationTests.run(
        ranks: 3, expecting: 0,
        run.option + ["--resume", "latest", "--quiet", "--steps", "\(step + 100)"],
        prefix: hosts.prefix)
      #expect(try run.metrics("end").last?.step == step + 100)
    }

    /// It would be the same the next time.
    @Test func `A round that is too long for the job`() throws {
      let hosts = try Hosts([1, 2])
      let outcome = try IntegrationTests.run(
        ranks: 3, expecting: 64,
        Self.endless + folder.run("run").option
          + ["--local-steps", "1000000", "--time-limit", "10s"],
        prefix: hosts.prefix, timeout: 30)
      for words in [
        "the job's time ends within a round of 1000000 local steps, before its first checkpoint",
        "Lower --local-steps",
      ] {
        #expect(outcome.stderr.contains(words), "\(outcome)")
      }
    }
  }
}
