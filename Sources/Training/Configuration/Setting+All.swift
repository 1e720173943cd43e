import DataParallel
import Graph
import Optimizers

/// The settings themselves.
extension Setting {
  static var data: [Setting] {
    [
      text("data", \.data),
      optionalText("target", \.target),
      optionalChoice("task", \.task),
      choice("tokenizer", \.tokenizer),
      optionalText("val-data", \.validationData),
      optionalText("test-data", \.testData),
      number("val-fraction", \.validationFraction, "0 ≤ fraction < 1") { $0 >= 0 && $0 < 1 },
      flag("standardize", \.standardize),
      flag("no-shuffle", \.noShuffle),
      flag("drop-last", \.dropLast),
      optionalText("model", \.model),
      optionalChoice("init", \.initialization),
      optionalText("init-weights", \.initWeights),
      flag("init-order", \.initOrder),
    ]
  }

  static var optimization: [Setting] {
    [
      Setting("batch-size", print: { $0.batchSize.description }) { configuration, text in
        if text == "full" {
          configuration.batchSize = .full
        } else {
          configuration.batchSize = .samples(try integer("batch-size", text, 1...(1 << 40)))
        }
      },
      count("accumulate", \.accumulate, 1...4096),
      optionalCount("epochs", \.epochs, 1...(1 << 40), change: .warned),
      optionalCount("steps", \.steps, 1...(1 << 50), change: .warned),
      optionalText("optimizer", \.optimizer),
      optionalNumber("lr", \.learningRate, "above 0, finite") { $0 > 0 && $0.isFinite },
    ] + HyperParameter.allCases.map(hyperParameter) + [
      Setting(
        "decay-exclude",
        print: {
          $0.decayExclude.isEmpty
            ? nil : $0.decayExclude.map(\.rawValue).sorted().joined(separator: ",")
        }
      ) { configuration, text in
        configuration.decayExclude = Set(
          try text.split(separator: ",").map { word in
            guard let role = Parameter.Role(rawValue: String(word)),
              role == .bias || role == .norm
            else {
              throw refusal("decay-exclude", text, "bias, norm or bias,norm")
            }
            return role
          })
      },
      Setting(
        "param-group", separator: ";",
        print: {
          $0.parameterGroups.isEmpty
            ? nil : $0.parameterGroups.map(\.description).joined(separator: ";")
        }
      ) { configuration, text in
        configuration.parameterGroups = try text.split(separator: ";").map {
          try ParameterGroup(parsing: String($0))
        }
      },
      Setting(
        "freeze", print: { $0.freeze.isEmpty ? nil : $0.freeze.joined(separator: ",") }
      ) { $0.freeze = $1.split(separator: ",").map(String.init) },
      number("l1", \.l1, "0 or more, finite") { $0 >= 0 && $0.isFinite },
      number("l2", \.l2, "0 or more, finite") { $0 >= 0 && $0.isFinite },
      Setting(
        "elastic-net", print: { $0.elasticNet.map { $0.map { "\($0)" }.joined(separator: ",") } }
      ) { configuration, text in
        let values = try parseNumbers("elastic-net", text, count: 2)
        guard values[0] >= 0, values[0].isFinite, (0...1).contains(values[1]) else {
          throw refusal("elastic-net", text, "λ,α with λ ≥ 0 and α in 0 … 1")
        }
        configuration.elasticNet = values
      },
      text("schedule", \.schedule),
      optionalText("warmup", \.warmup, check: length),
      optionalNumber("clip-norm", \.clipping.norm, "above 0, finite") { $0 > 0 && $0.isFinite },
      optionalNumber("clip-value", \.clipping.value, "above 0, finite") { $0 > 0 && $0.isFinite },
      optionalNumber("clip-agc", \.clipping.ratio, "above 0, finite") { $0 > 0 && $0.isFinite },
      optionalNumber("max-norm", \.maxNorm, "above 0, finite") { $0 > 0 && $0.isFinite },
      optionalNumber("gradient-noise", \.gradientNoise, "above 0, finite") {
        $0 > 0 && $0.isFinite
      },
      flag("ema", \.averages),
      number("ema-decay", \.averageDecay, "0 ≤ decay < 1") { $0 >= 0 && $0 < 1 },
      Setting("loss", print: { $0.loss }) { configuration, text in
        guard Loss.names.contains(String(text.prefix { $0 != ":" })) else {
          throw refusal("loss", text, Loss.names.joined(separator: ", "))
        }
        configuration.loss = text
      },
      number("label-smoothing", \.labelSmoothing, "0 ≤ smoothing < 1") { $0 >= 0 && $0 < 1 },
      Setting(
        "class-weights",
        print: { $0.classWeights.map { $0.map { "\($0)" }.joined(separator: ",") } }
      ) { configuration, text in
        let values = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
        let weights = values.compactMap { $0 }
        guard weights.count == values.count, weights.allSatisfy({ $0 >= 0 && $0.isFinite }),
          weights.contains(where: { $0 > 0 })
        else { throw refusal("class-weights", text, "a number of 0 or more for each class") }
        configuration.classWeights = weights
      },
      choice("precision", \.precision),
      Setting("seed", print: { "\($0.seed)" }) { configuration, text in
        guard let seed = UInt64(text) else { throw refusal("seed", text, "0 … 2^64 − 1") }
        configuration.seed = seed
      },
      count("max-skipped", \.maxSkipped, 1...(1 << 40), change: .warned),
    ]
  }

  static var run: [Setting] {
    [
      optionalText("run", \.run, change: .unstored),
      optionalText("resume", \.resume, change: .unstored),
      optionalCount("stop-after", \.stopAfter, 1...(1 << 50), change: .unstored),
      Setting("time-limit", change: .unstored, print: { $0.timeLimit }) { configuration, text in
        guard JobEnd.parse(text) != nil else {
          throw refusal("time-limit", text, "90s, 30min or 2h")
        }
        configuration.timeLimit = text
      },
      text("checkpoint-every", \.checkpointEvery, change: .allowed) {
        _ = try Cadence($1, option: $0, stepsPerEpoch: 1)
      },
      count("keep", \.keep, 1...1_000_000, change: .allowed),
      count("keep-best", \.keepBest, 1...1_000_000, change: .allowed),
      optionalText("keep-every", \.keepEvery, change: .allowed, check: stepCadence),
      choice("checkpoint-mode", \.checkpointMode, change: .allowed),
      flag("early-stopping", \.earlyStopping),
      count("patience", \.patience, 1...1_000_000),
      number("min-delta", \.minDelta, "0 or more, finite") { $0 >= 0 && $0.isFinite },
      optionalText("start-from", \.startFrom, check: length),
      optionalNumber("stopping-threshold", \.stoppingThreshold, "a finite number") { $0.isFinite },
      optionalNumber("divergence-threshold", \.divergenceThreshold, "a finite number") {
        $0.isFinite
      },
      choice("monitor", \.monitor),
      Setting(
        "no-restore-best", isSwitch: true, print: { $0.restoreBest ? nil : "true" }
      ) { $0.restoreBest = try !boolean("no-restore-best", $1) },
      count("log-every", \.logEvery, 1...(1 << 40), change: .allowed),
      text("eval-every", \.evalEvery, check: stepCadence),
      optionalCount("eval-batch", \.evalBatch, 1...(1 << 24)),
      choice("progress", \.progress, change: .unstored),
      flag("quiet", \.quiet, change: .unstored),
    ]
  }

  static var distribution: [Setting] {
    [
      Setting("logical-ranks", print: { $0.logicalRanks?.description }) { configuration, text in
        let factors = text.split(separator: "x", omittingEmptySubsequences: false)
        let numbers = factors.compactMap { Int($0) }
        guard numbers.count == factors.count, (1...2).contains(numbers.count),
          numbers.allSatisfy({ (1...65536).contains($0) }), numbers.reduce(1, *) <= 65536
        else { throw refusal("logical-ranks", text, "V or GxM, as in 8 or 2x24") }
        let groupSize = numbers.last ?? 1
        configuration.logicalRanks = .init(
          count: numbers.reduce(1, *), groupSize: groupSize)
      },
      optionalCount("threads", \.threads, 1...4096),
      choice("reduction", \.reduction),
      Setting("compress", print: { $0.compress.description }) {
        $0.compress = try Compression(parsing: $1)
      },
      count("local-steps", \.localSteps, 1...1_000_000),
      number("outer-lr", \.outerLearningRate, "above 0, finite") { $0 > 0 && $0.isFinite },
      number("outer-momentum", \.outerMomentum, "0 ≤ momentum < 1") { $0 >= 0 && $0 < 1 },
      count("bucket-mb", \.bucketMebibytes, 1...4096, change: .allowed),
      optionalNumber("hang-timeout", \.hangTimeout, "1 or more seconds", change: .allowed) {
        $0 >= 1 && $0 < 1e9
      },
      optionalCount("expect-ranks", \.expectRanks, 1...(1 << 24), change: .unstored),
    ]
  }
}
