import Basics
import Optimizers
import TestSupport
import Testing
import Training

@Suite struct SettingTests {
  /// A value of every setting, as it is printed again.
  static let samples = [
    "data": "csv:a b.csv", "target": "y: \"z\" # ü", "task": "regression", "val-data": "-v",
    "test-data": "null", "val-fraction": "0.25", "standardize": "true", "no-shuffle": "true",
    "drop-last": "true", "model": "mlp:64,32", "init": "he", "init-weights": "~/w.safetensors",
    "init-order": "true",
    "batch-size": "full", "accumulate": "4", "epochs": "7", "steps": "1125899906842624",
    "tokenizer": "byte", "optimizer": "adamw", "lr": "0.1", "momentum": "0.9", "dampening": "0.0",
    "betas": "0.9,0.95", "eps": "1e-08", "alpha": "0.99", "centered": "false",
    "rho": "0.9", "amsgrad": "true", "etas": "0.5,1.2", "step-sizes": "1e-06,50.0",
    "lr-decay": "0.1", "initial-accumulator": "0.1", "momentum-decay": "0.004",
    "trust-coefficient": "0.001",
    "weight-decay": "5e-324", "decay-exclude": "bias,norm", "l1": "1e-05", "l2": "0.3",
    "elastic-net": "0.1,0.5", "schedule": "cosine:min=0.001", "warmup": "10%", "clip-norm": "1.0",
    "param-group": "a.*:lr-factor=0.1;b?:weight-decay=0.0,freeze=true", "freeze": "0.*,*.bias",
    "clip-agc": "0.01", "max-norm": "3.0", "gradient-noise": "0.3", "ema": "true",
    "ema-decay": "0.99", "clip-value": "0.30000000000000004", "loss": "mse",
    "label-smoothing": "0.1", "class-weights": "1.0,0.0,2.5", "seed": "18446744073709551615",
    "precision": "bf16-emulated", "max-skipped": "3", "run": "runs/it's\n\there",
    "resume": "latest",
    "stop-after": "5",
    "checkpoint-every": "10min", "checkpoint-mode": "sync", "keep-every": "5ep",
    "time-limit": "1.5h", "keep": "1", "keep-best": "2", "early-stopping": "true",
    "patience": "9", "min-delta": "0.001", "start-from": "5ep",
    "stopping-threshold": "0.99", "divergence-threshold": "-1.0", "monitor": "val-accuracy",
    "no-restore-best": "true",
    "log-every": "1", "eval-every": "500st", "eval-batch": "16777216", "progress": "off",
    "quiet": "true", "logical-ranks": "2x24", "threads": "3", "reduction": "fast",
    "compress": "powersgd:rank=2", "local-steps": "500", "outer-lr": "0.5",
    "outer-momentum": "0.0", "bucket-mb": "25",
    "hang-timeout": "1.5",
    "expect-ranks": "8",
  ]

  /// Numbers that are none, for every setting that wants one; more for some.
  static let bad: [String: [String]] = {
    let whole = ["1.5", "-1", "99999999999999999999", "0x"]
    let positive = ["0", "-1", "inf"]
    var bad: [String: [String]] = [
      "val-fraction": ["1", "-0.1"], "lr": positive, "momentum": ["inf"], "dampening": ["inf"],
      "betas": ["0.9", "0.9,0.9,0.9", "0.9,", ",", "a,b"], "eps": ["inf"], "alpha": ["inf"],
      "weight-decay": ["inf"], "rho": ["inf"], "etas": ["0.5"], "step-sizes": ["1", "1,inf"],
      "lr-decay": ["inf"], "initial-accumulator": ["inf"], "momentum-decay": ["inf"],
      "trust-coefficient": ["inf"], "l1": ["-1", "inf"], "l2": ["-1", "inf"],
      "elastic-net": ["0.1", "-1,0.5", "0.1,2", "0.1,-1", "inf,0.5", "nan,0.5", "0.1,nan"],
      "label-smoothing": ["1", "-0.1"],
      "class-weights": ["0,0", "1,-1", "1,inf", "1,nan", "a", "1,"],
      "clip-agc": positive, "max-norm": positive, "gradient-noise": positive,
      "ema-decay": ["1", "-0.1", "inf"], "clip-norm": positive, "clip-value": positive,
      "seed": whole, "min-delta": ["-1", "inf"],
      "stopping-threshold": ["inf"], "divergence-threshold": ["-inf"],
      "logical-ranks": ["0", "2x0", "x2", "2x3x4", "65537", "65536x65536", "-1"],
      "time-limit": ["0s", "-1h", "10", "min", "1e10s", "10minutes"],
      "checkpoint-mode": ["none"], "reduction": ["quick"],
      "compress": ["fp8", "gzip"], "outer-lr": positive, "outer-momentum": ["1", "-0.1", "inf"],
      "precision": ["fp16", "bfloat16"],
      "hang-timeout": ["0.5", "-1", "1e9", "inf"], "batch-size": whole + ["0"],
    ]
    for name in [
      "accumulate", "epochs", "steps", "max-skipped", "stop-after", "keep", "keep-best", "patience",
      "log-every", "eval-batch", "threads", "local-steps", "bucket-mb",
      "expect-ranks",
    ] { bad[name] = whole + ["0"] }
    return bad
  }()

  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func configuration(_ values: [String: String]) throws -> RunConfiguration {
    var sources = ConfigurationSources()
    try sources.apply(flags: values)
    return sources.configuration
  }

  @Test func everySettingIsTested() {
    #expect(Set(Self.samples.keys) == Set(Setting.all.map(\.name)))
    #expect(Setting.all.count == Self.samples.count, "no name stands twice")
  }

  @Test(arguments: samples.keys.sorted()) func printedValueReadsBack(_ name: String) throws {
    let value = try #require(Self.samples[name])
    let setting = try #require(Setting.named(name))
    let configuration = try configuration([name: value])
    #expect(configuration != RunConfiguration(), "it changes something")
    #expect(setting.print(configuration) == value)
    #expect(try self.configuration(ConfigurationSources.values(of: configuration)) == configuration)
  }

  @Test func fileReadsBack() throws {
    for values in [Self.samples, [:]] {
      let configuration = try configuration(values)
      let path = try folder.write(
        "config.yaml", ConfigurationSources.yaml(of: configuration).utf8)
      var sources = ConfigurationSources()
      try sources.apply(file: path)
      #expect(sources.configuration == configuration)
      #expect(
        sources.describe(sources.configuration).count
          == ConfigurationSources.values(of: configuration).count)
    }
  }

  @Test(arguments: bad.keys.sorted()) func refusesBadNumbers(_ name: String) throws {
    for value in try #require(Self.bad[name]) + ["", "x", "nan", "1 2", " 1"] {
      let failure = failure { _ = try configuration([name: value]) }
      #expect(failure?.kind == .usage, "\(name) '\(value)'")
      #expect(failure?.message == "\(name): '\(value)' is not valid (from --\(name))")
      #expect(failure?.remedy.hasPrefix("Expected ") == true)
    }
  }

  @Test(arguments: [
    "task", "decay-exclude", "loss", "monitor", "progress", "standardize", "quiet", "centered",
    "warmup", "start-from", "checkpoint-every", "keep-every", "eval-every",
  ])
  func refusesBadWords(_ name: String) {
    let failure = failure { _ = try configuration([name: "weight"]) }
    #expect(failure?.kind == .usage && failure?.message.hasPrefix("\(name): 'weight'") == true)
  }

  /// A choice lists what there is.
  @Test(arguments: [
    ("task", "classification, regression, language-model or masked-language-model"),
    ("tokenizer", "char or byte"), ("init", "he, xavier, lecun or normal"),
    ("precision", "fp32, bf16 or bf16-emulated"), ("checkpoint-mode", "async or sync"),
    ("monitor", "val-loss or val-accuracy"), ("progress", "auto, on or off"),
    ("reduction", "canonical or fast"),
  ])
  func choices(_ name: String, words: String) {
    let failure = failure { _ = try configuration([name: "other"]) }
    #expect(failure?.message == "\(name): 'other' is not valid (from --\(name))")
    #expect(failure?.remedy == "Expected \(words).")
  }

  /// Where and how a run was called is not for its next job to find.
  @Test func callsAreNotStored() throws {
    let stored = ConfigurationSources.values(of: try configuration(Self.samples), Setting.stored)
    #expect(
      Set(Self.samples.keys).subtracting(stored.keys) == [
        "run", "resume", "stop-after", "time-limit", "expect-ranks", "progress", "quiet",
      ])
  }

  @Test(arguments: ["learning-rate", "LR", "", "lr "]) func unknownNames(_ name: String) {
    var sources = ConfigurationSources()
    let failure = failure { try sources.apply(name, "1", from: "a test") }
    #expect(failure?.kind == .usage)
    #expect(failure?.message == "\(name): unknown option (from a test)")
  }

  /// Each file with the words of its refusal.
  @Test(arguments: [
    ("seed: 1\nlr: 0.1\nlr: 0.2\n", "line 3"), ("seed: 1\n\nlr: fast\n", "line 3"),
    ("lr:\n  a: 1\n", "line 1"), ("seed: 1\nlr: [[1]]\n", "line 2"),
    ("# c\nlearning-rate: 1\n", "line 2"), ("seed: 1\nbetas: [0.9]\n", "line 2"),
    ("- lr\n", "mapping"), ("lr\n", "mapping"), ("", "mapping"), ("a: b: c\n", "line 1, column 5"),
    ("lr: \"0.1\n", "YAML"), ("lr: *x\n", "YAML"), ("1: 2\n", "1: unknown"),
    ("lr: 0.1\n---\nlr: 0.2\n", "document"),
  ])
  func refusesBadFiles(_ text: String, words: String) throws {
    let path = try folder.write("config.yaml", text.utf8)
    var sources = ConfigurationSources()
    let failure = failure { try sources.apply(file: path) }
    #expect(failure?.kind == .usage)
    #expect(failure?.message.contains(path) == true, "\(failure?.message ?? "accepted")")
    #expect(failure?.message.contains(words) == true, "\(failure?.message ?? "accepted")")
  }

  @Test func unreadableFiles() throws {
    let bytes: [UInt8] = [0x6C, 0x72, 0x3A, 0xFF]
    for path in ["\(folder.path)/none.yaml", folder.path, try folder.write("binary", bytes)] {
      var sources = ConfigurationSources()
      let failure = failure { try sources.apply(file: path) }
      #expect(failure?.kind == .usage && failure?.message.hasPrefix("config: ") == true)
    }
  }

  @Test func laterSourcesWin() throws {
    var sources = ConfigurationSources()
    try sources.apply(file: folder.write("config.yaml", "lr: 0.5\nbetas: [0.8, 0.9]\n".utf8))
    try sources.apply(flags: ["lr": "0.25"])
    #expect(sources.configuration.learningRate == 0.25)
    #expect(sources.configuration.hyperParameters[.betas] == [0.8, 0.9])
    #expect(sources.origins["lr"] == "--lr")
    #expect(sources.origins["betas"] == "\(folder.path)/config.yaml, line 2")
    let lines = sources.describe(sources.configuration)
    #expect(lines.contains("lr: 0.25  # --lr") && lines.contains("seed: 0  # default"))
  }
}
