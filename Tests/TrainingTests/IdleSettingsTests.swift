import Basics
import Datasets
import TestSupport
import Testing
import Training

/// An option that would do nothing is refused, its default is not.
@Suite struct IdleSettingsTests {
  struct Case: CustomTestStringConvertible {
    let name: String
    let value: String
    let usual: String?
    /// Beside these it does nothing.
    var idle: [String: String] = [:]
    /// Beside these it does something.
    var used: [String: String] = [:]

    var testDescription: String { name }
  }

  static let cases =
    [
      ("patience", "5", "3"), ("min-delta", "0.1", "0"), ("start-from", "5ep", nil),
      ("stopping-threshold", "0.1", nil), ("divergence-threshold", "9", nil),
      ("no-restore-best", "true", "false"),
    ].map { Case(name: $0, value: $1, usual: $2, used: ["early-stopping": "true"]) }
    + [
      Case(name: "ema-decay", value: "0.9", usual: "0.999", used: ["ema": "true"]),
      Case(name: "outer-lr", value: "1", usual: "0.7", used: ["local-steps": "2"]),
      Case(name: "outer-momentum", value: "0", usual: "0.9", used: ["local-steps": "2"]),
      Case(name: "val-fraction", value: "0.3", usual: "0.1", idle: ["val-data": "x.csv"]),
      Case(name: "init", value: "he", usual: nil, idle: ["init-weights": "x.safetensors"]),
      Case(
        name: "init-order", value: "true", usual: "false", used: ["init-weights": "x.safetensors"]),
      Case(name: "eval-every", value: "5st", usual: "1ep", idle: ["val-fraction": "0"]),
      Case(name: "eval-batch", value: "9", usual: nil, idle: ["val-fraction": "0"]),
      Case(name: "keep-best", value: "2", usual: "1", idle: ["val-fraction": "0"]),
      Case(
        name: "monitor", value: "val-accuracy", usual: "val-loss", idle: ["val-fraction": "0"]),
      Case(name: "decay-exclude", value: "bias", usual: nil, used: ["weight-decay": "0.1"]),
      Case(name: "decay-exclude", value: "norm", usual: nil, used: ["optimizer": "adamw"]),
      Case(
        name: "decay-exclude", value: "norm", usual: nil,
        idle: ["optimizer": "adamw", "weight-decay": "0"], used: ["model": "gpt"]),
      Case(name: "target", value: "y", usual: nil, used: ["data": "x.csv.gz"]),
      Case(name: "target", value: "y", usual: nil, used: ["test-data": "x.csv"]),
    ]

  private let digits: DatasetDescription

  init() throws {
    digits = try datasetSource(named: "digits", options: DataOptions()).describe()
  }

  private func refusal(
    _ values: [String: String], for description: DatasetDescription? = nil
  ) throws -> Failure? {
    var sources = ConfigurationSources()
    try sources.apply(flags: values)
    return failure { try sources.refuseIdle(for: description ?? digits) }
  }

  @Test(arguments: cases) func `Given and without effect`(_ idle: Case) throws {
    let given = idle.idle.merging([idle.name: idle.value]) { $1 }
    let found = try refusal(given)
    #expect(found?.kind == .usage)
    #expect(found?.message.hasPrefix("\(idle.name): ") == true, "\(String(describing: found))")
    #expect(found?.message.hasSuffix("(from --\(idle.name))") == true)
    #expect(found?.remedy.isEmpty == false)
    #expect(try refusal([idle.name: idle.value].merging(idle.used) { $1 }) == nil)
    if let usual = idle.usual {
      #expect(try refusal(idle.idle.merging([idle.name: usual]) { $1 }) == nil, "the default")
    }
  }

  @Test func `A tokenizer is for texts`() throws {
    var text = digits
    text.text = TextDescription(tokenizer: .byte, window: 4, isMasked: false, tokens: [:])
    #expect(try refusal(["tokenizer": "byte"])?.message.hasPrefix("tokenizer: ") == true)
    #expect(try refusal(["tokenizer": "byte"], for: text) == nil)
    #expect(try refusal(["tokenizer": "char"]) == nil)
  }

  @Test func `Test data is evaluated in chunks`() throws {
    var tested = digits
    tested.rows[.test] = 5
    let given = ["val-fraction": "0", "eval-batch": "9"]
    #expect(try refusal(given)?.message.hasPrefix("eval-batch: ") == true)
    #expect(try refusal(given, for: tested) == nil)
  }

  /// `config.yaml` of a run holds a value of every setting.
  @Test func `A stored configuration is taken`() throws {
    let folder = try TemporaryFolder()
    for values in [[:], ["early-stopping": "true", "patience": "9"]] {
      var given = ConfigurationSources()
      try given.apply(flags: values)
      let stored = try folder.write(
        "config.yaml", ConfigurationSources.yaml(of: given.configuration).utf8)
      var sources = ConfigurationSources()
      try sources.apply(file: stored)
      #expect(failure { try sources.refuseIdle(for: digits) } == nil)
    }
  }
}
