import Basics
import DataParallel
import Datasets
import Graph
import Optimizers

/// One option: its name, how it is read into a configuration, and how it is printed from one.
package struct Setting {
  package let name: String
  /// Whether a resumed run may change it: it is no part of the arithmetic.
  package let isFreeOnResume: Bool
  /// Whether it is a switch, given without a value.
  package let isSwitch: Bool
  /// What stands between the values of a list.
  package let separator: String
  package let read: (inout RunConfiguration, String) throws -> Void
  /// The value as it would be written, nil where it is unset.
  package let print: (RunConfiguration) -> String?

  fileprivate init(
    _ name: String, free: Bool = false, isSwitch: Bool = false, separator: String = ",",
    print: @escaping (RunConfiguration) -> String?,
    read: @escaping (inout RunConfiguration, String) throws -> Void
  ) {
    self.name = name
    isFreeOnResume = free
    self.isSwitch = isSwitch
    self.separator = separator
    self.print = print
    self.read = read
  }

  package static func named(_ name: String) -> Setting? { all.first { $0.name == name } }

  /// In the order of `--help` and of `config.yaml`.
  package static var all: [Setting] { data + optimization + run + distribution }

  private static var data: [Setting] {
    [
      text("data", \.data),
      optionalText("target", \.target),
      Setting("task", print: { $0.task?.rawValue }) { configuration, text in
        guard let task = DataTask(rawValue: text) else {
          throw refusal(
            "task", text,
            "classification, regression, language-model or masked-language-model")
        }
        configuration.task = task
      },
      Setting("tokenizer", print: { $0.tokenizer.rawValue }) { configuration, text in
        guard let tokenizer = TextDescription.Tokenizer(rawValue: text) else {
          throw refusal("tokenizer", text, "char or byte")
        }
        configuration.tokenizer = tokenizer
      },
      optionalText("val-data", \.validationData),
      optionalText("test-data", \.testData),
      number("val-fraction", \.validationFraction, "0 ≤ fraction < 1") { $0 >= 0 && $0 < 1 },
      flag("standardize", \.standardize),
      flag("no-shuffle", \.noShuffle),
      flag("drop-last", \.dropLast),
      optionalText("model", \.model),
      Setting("init", print: { $0.initialization?.rawValue }) { configuration, text in
        guard let rule = WeightInitialization(rawValue: text) else {
          let rules = WeightInitialization.allCases.map(\.rawValue)
          throw refusal("init", text, rules.joined(separator: " or "))
        }
        configuration.initialization = rule
      },
      optionalText("init-weights", \.initWeights),
      flag("init-order", \.initOrder),
    ]
  }

  private static var optimization: [Setting] {
    [
      Setting("batch-size", print: { $0.batchSize.description }) { configuration, text in
        if text == "full" {
          configuration.batchSize = .full
        } else {
          configuration.batchSize = .samples(try integer("batch-size", text, 1...(1 << 40)))
        }
      },
      count("accumulate", \.accumulate, 1...4096),
      optionalCount("epochs", \.epochs, 1...(1 << 40), free: true),
      optionalCount("steps", \.steps, 1...(1 << 50), free: true),
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
      Setting("precision", print: { $0.precision.rawValue }) { configuration, text in
        guard let precision = Precision(rawValue: text) else {
          throw refusal("precision", text, "fp32, bf16 or bf16-emulated")
        }
        configuration.precision = precision
      },
      Setting("seed", print: { "\($0.seed)" }) { configuration, text in
        guard let seed = UInt64(text) else { throw refusal("seed", text, "0 … 2^64 − 1") }
        configuration.seed = seed
      },
      count("max-skipped", \.maxSkipped, 1...(1 << 40), free: true),
    ]
  }

  private static var run: [Setting] {
    [
      optionalText("run", \.run, free: true),
      optionalText("resume", \.resume, free: true),
      optionalCount("stop-after", \.stopAfter, 1...(1 << 50), free: true),
      Setting("time-limit", free: true, print: { $0.timeLimit }) { configuration, text in
        guard JobEnd.parse(text) != nil else {
          throw refusal("time-limit", text, "90s, 30min or 2h")
        }
        configuration.timeLimit = text
      },
      text("checkpoint-every", \.checkpointEvery, free: true) {
        _ = try Cadence($1, option: $0, stepsPerEpoch: 1)
      },
      count("keep", \.keep, 1...1_000_000, free: true),
      count("keep-best", \.keepBest, 1...1_000_000, free: true),
      optionalText("keep-every", \.keepEvery, free: true, check: stepCadence),
      Setting("checkpoint-mode", free: true, print: { $0.checkpointMode.rawValue }) {
        guard let mode = RunConfiguration.CheckpointMode(rawValue: $1) else {
          throw refusal("checkpoint-mode", $1, "async or sync")
        }
        $0.checkpointMode = mode
      },
      flag("early-stopping", \.earlyStopping),
      count("patience", \.patience, 1...1_000_000),
      number("min-delta", \.minDelta, "0 or more, finite") { $0 >= 0 && $0.isFinite },
      optionalText("start-from", \.startFrom, check: length),
      optionalNumber("stopping-threshold", \.stoppingThreshold, "a finite number") { $0.isFinite },
      optionalNumber("divergence-threshold", \.divergenceThreshold, "a finite number") {
        $0.isFinite
      },
      Setting("monitor", print: { $0.monitor.rawValue }) { configuration, text in
        guard let monitor = RunConfiguration.Monitor(rawValue: text) else {
          throw refusal("monitor", text, "val-loss or val-accuracy")
        }
        configuration.monitor = monitor
      },
      Setting(
        "no-restore-best", isSwitch: true, print: { $0.restoreBest ? nil : "true" }
      ) { $0.restoreBest = try !boolean("no-restore-best", $1) },
      count("log-every", \.logEvery, 1...(1 << 40), free: true),
      text("eval-every", \.evalEvery, check: stepCadence),
      optionalCount("eval-batch", \.evalBatch, 1...(1 << 24)),
      Setting("progress", free: true, print: { $0.progress }) { configuration, text in
        guard ["auto", "on", "off"].contains(text) else {
          throw refusal("progress", text, "auto, on or off")
        }
        configuration.progress = text
      },
      flag("quiet", \.quiet, free: true),
    ]
  }

  private static var distribution: [Setting] {
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
      Setting("reduction", print: { $0.reduction.rawValue }) { configuration, text in
        guard let mode = GradientReducer.Mode(rawValue: text) else {
          throw refusal("reduction", text, "canonical or fast")
        }
        configuration.reduction = mode
      },
      Setting("compress", print: { $0.compress.description }) {
        $0.compress = try Compression(parsing: $1)
      },
      count("local-steps", \.localSteps, 1...1_000_000),
      number("outer-lr", \.outerLearningRate, "above 0, finite") { $0 > 0 && $0.isFinite },
      number("outer-momentum", \.outerMomentum, "0 ≤ momentum < 1") { $0 >= 0 && $0 < 1 },
      count("bucket-mb", \.bucketMebibytes, 1...4096, free: true),
      optionalNumber("hang-timeout", \.hangTimeout, "1 or more seconds", free: true) {
        $0 >= 1 && $0 < 1e9
      },
      optionalCount("expect-ranks", \.expectRanks, 1...(1 << 24), free: true),
    ]
  }
}

// MARK: Kinds of settings

extension Setting {
  fileprivate typealias Path<Value> = WritableKeyPath<RunConfiguration, Value>

  /// Throws where text is no value of the setting of that name.
  fileprivate typealias Check = (_ name: String, _ text: String) throws -> Void

  fileprivate static func text(
    _ name: String, _ path: Path<String>, free: Bool = false, check: @escaping Check = word
  ) -> Setting {
    Setting(name, free: free, print: { $0[keyPath: path] }) { configuration, text in
      try check(name, text)
      configuration[keyPath: path] = text
    }
  }

  fileprivate static func optionalText(
    _ name: String, _ path: Path<String?>, free: Bool = false, check: @escaping Check = word
  ) -> Setting {
    Setting(name, free: free, print: { $0[keyPath: path] }) { configuration, text in
      try check(name, text)
      configuration[keyPath: path] = text
    }
  }

  fileprivate static func word(_ name: String, _ text: String) throws {
    if text.isEmpty { throw refusal(name, text, "a word") }
  }

  /// Kept as text: how many steps an epoch has is known with the data.
  fileprivate static func length(_ name: String, _ text: String) throws {
    _ = try RunLength(text, option: name)
  }

  fileprivate static func stepCadence(_ name: String, _ text: String) throws {
    _ = try Cadence.steps(text, option: name, stepsPerEpoch: 1)
  }

  fileprivate static func flag(_ name: String, _ path: Path<Bool>, free: Bool = false) -> Setting {
    Setting(name, free: free, isSwitch: true, print: { $0[keyPath: path] ? "true" : nil }) {
      $0[keyPath: path] = try boolean(name, $1)
    }
  }

  fileprivate static func number(
    _ name: String, _ path: Path<Double>, _ range: String, free: Bool = false,
    _ isValid: @escaping (Double) -> Bool
  ) -> Setting {
    Setting(name, free: free, print: { "\($0[keyPath: path])" }) { configuration, text in
      configuration[keyPath: path] = try real(name, text, range, isValid)
    }
  }

  fileprivate static func optionalNumber(
    _ name: String, _ path: Path<Double?>, _ range: String, free: Bool = false,
    _ isValid: @escaping (Double) -> Bool
  ) -> Setting {
    Setting(name, free: free, print: { $0[keyPath: path].map { "\($0)" } }) { configuration, text in
      configuration[keyPath: path] = try real(name, text, range, isValid)
    }
  }

  fileprivate static func count(
    _ name: String, _ path: Path<Int>, _ range: ClosedRange<Int>, free: Bool = false
  ) -> Setting {
    Setting(name, free: free, print: { "\($0[keyPath: path])" }) { configuration, text in
      configuration[keyPath: path] = try integer(name, text, range)
    }
  }

  fileprivate static func optionalCount(
    _ name: String, _ path: Path<Int?>, _ range: ClosedRange<Int>, free: Bool = false
  ) -> Setting {
    Setting(name, free: free, print: { $0[keyPath: path].map(String.init) }) {
      configuration, text in configuration[keyPath: path] = try integer(name, text, range)
    }
  }

  /// Its range is the optimizer's to check.
  fileprivate static func hyperParameter(_ name: HyperParameter) -> Setting {
    Setting(
      name.rawValue, isSwitch: name.isSwitch,
      print: { configuration in
        configuration.hyperParameters[name].map { values in
          name.isSwitch
            ? "\(values[0] == 1)" : values.map { "\($0)" }.joined(separator: ",")
        }
      }
    ) { configuration, text in
      configuration.hyperParameters[name] =
        name.isSwitch
        ? [try boolean(name.rawValue, text) ? 1 : 0]
        : try parseNumbers(name.rawValue, text, count: name.count)
    }
  }

  fileprivate static func parseNumbers(
    _ name: String, _ text: String, count: Int
  ) throws -> [Double] {
    let values = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
    guard values.count == count, values.allSatisfy({ $0?.isFinite ?? false }) else {
      throw refusal(name, text, count == 1 ? "a number" : "\(count) numbers with a comma")
    }
    return values.compactMap { $0 }
  }

  fileprivate static func integer(
    _ name: String, _ text: String, _ range: ClosedRange<Int>
  ) throws -> Int {
    guard let value = Int(text), range.contains(value) else {
      throw refusal(name, text, "a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return value
  }

  fileprivate static func real(
    _ name: String, _ text: String, _ range: String, _ isValid: (Double) -> Bool
  ) throws -> Double {
    guard let value = Double(text), isValid(value) else { throw refusal(name, text, range) }
    return value
  }

  fileprivate static func boolean(_ name: String, _ text: String) throws -> Bool {
    guard let value = Bool(text) else { throw refusal(name, text, "true or false") }
    return value
  }

  fileprivate static func refusal(_ name: String, _ text: String, _ expected: String) -> Failure {
    Failure.usage("\(name): '\(text)' is not valid", remedy: "Expected \(expected).")
  }
}
