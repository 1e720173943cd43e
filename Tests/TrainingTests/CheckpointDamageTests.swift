import Basics
import Foundation
import TestSupport
import Testing
import Training

/// Every file of a checkpoint, cut at 50 places and with 200 random bytes changed: seen each time.
@Suite struct CheckpointDamageTests {
  private let sample: SampleRun

  init() throws {
    sample = try SampleRun()
    try sample.write(1)
    try sample.write(2)
  }

  static let files = ["model.safetensors", "optimizer.safetensors", "state.json", "SHA256SUMS"]

  private func isRefused(_ file: String, _ bytes: [UInt8], _ what: String) throws {
    let path = "\(sample.path(2))/\(file)"
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let failure = failure { _ = try StoredCheckpoint(path: sample.path(2)) }
    #expect(failure?.kind == .badData, "\(file): \(what)")
    #expect(failure?.message.contains(sample.path(2)) == true, "\(file): \(what)")
  }

  @Test(arguments: files) func seen(_ file: String) throws {
    let path = "\(sample.path(2))/\(file)"
    let whole = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
    for cut in 0..<50 {
      // The last ones are single bytes from the end.
      let length = cut < 40 ? whole.count * cut / 40 : whole.count - (50 - cut)
      try isRefused(file, Array(whole.prefix(length)), "cut to \(length) bytes")
    }
    let random = Philox(seed: 1, purpose: .test, stream: stableHash(file))
    for change in 0..<200 {
      var bytes = whole
      let place = Int(random.bits(UInt64(2 * change))) % bytes.count
      bytes[place] ^= UInt8(1 + random.bits(UInt64(2 * change + 1)) % 255)
      try isRefused(file, bytes, "byte \(place) is \(bytes[place])")
    }
    try isRefused(file, whole + [10], "a byte more")
    var warnings: [String] = []
    let found = try StoredCheckpoint.find("latest", run: sample.run.path) { warnings.append($0) }
    #expect(found?.checkpoint.state.step == 1, "the one before")
    #expect(warnings.count == 1 && warnings[0].contains("step_00000002"))
    try Data(whole).write(to: URL(fileURLWithPath: path))
    #expect(try StoredCheckpoint(path: sample.path(2)).state.step == 2)
  }

  @Test(arguments: files) func missing(_ file: String) throws {
    try FileManager.default.removeItem(atPath: "\(sample.path(2))/\(file)")
    #expect(failure { _ = try StoredCheckpoint(path: sample.path(2)) }?.kind == .badData)
    try FileManager.default.createDirectory(
      atPath: "\(sample.path(2))/\(file)", withIntermediateDirectories: false)
    #expect(failure { _ = try StoredCheckpoint(path: sample.path(2)) }?.kind == .badData)
  }

  /// Opening it must not wait for somebody to write.
  @Test(arguments: files) func pipe(_ file: String) throws {
    let path = "\(sample.path(2))/\(file)"
    try FileManager.default.removeItem(atPath: path)
    try #require(mkfifo(path, 0o644) == 0)
    let failure = failure { _ = try StoredCheckpoint(path: sample.path(2)) }
    #expect(failure?.message.contains("\(path): not a regular file") == true)
  }
}

/// `state.json` whose checksum is right and whose content is not.
@Suite struct CheckpointStateTests {
  private let sample: SampleRun
  private let text: String

  init() throws {
    sample = try SampleRun()
    text = String(decoding: try sample.state(5).encoded(), as: UTF8.self)
  }

  private func refusal(_ find: String, _ replacement: String) -> String? {
    let changed = text.replacing(find, with: replacement)
    guard changed != text else { return nil }
    let failure = failure {
      _ = try CheckpointState(decoding: Array(changed.utf8), path: "state.json")
    }
    return failure?.kind == .badData ? failure?.message : nil
  }

  @Test func readsBack() throws {
    let state = try CheckpointState(decoding: Array(text.utf8), path: "state.json")
    #expect(state.step == 5 && state.settings == ["model": "linear"])
    #expect(try state.encoded() == Array(text.utf8))
  }

  @Test func refusesHostileContent() {
    let plateau = #""rate" : 0.1, "badChecks" : 5, "cooldownLeft" : 0"#
    let cases: [(find: String, replacement: String, says: String)] = [
      (#""step" : 5"#, #""stap" : 5"#, "no step"),
      (#""step" : 5"#, #""step" : 5, "other" : 1"#, "other is unknown"),
      (
        #""model" : "linear""#, #""model" : "linear", "model" : "mlp""#,
        "settings/model stands twice"
      ),
      (#""step" : 5"#, #""step" : 5, "st\u0065p" : 5"#, "step stands twice"),
      (#""step" : 5"#, #""step" : "5""#, "step has another type"),
      (#""step" : 5"#, #""step" : -1"#, "out of range"),
      (#""step" : 5"#, #""step" : 9223372036854775808"#, "no JSON"),
      (#""step" : 5"#, #""step" : 1e30"#, "no JSON"),
      (#""step" : 5"#, #""step" : 4"#, "out of range"),
      (#""skipped" : 0"#, #""skipped" : 1125899906842625"#, "out of range"),
      (#""epoch" : 0"#, #""epoch" : 6"#, "out of range"),
      (#""train" : 1797"#, #""train" : 1844674407370955162"#, "out of range"),
      (
        #""platform""#,
        #""plateau" : {\#(plateau.replacing("5", with: "9223372036854775807"))}, "platform""#,
        "plateau"
      ),
      (
        #""platform""#, #""plateau" : {\#(plateau.replacing("0.1", with: "-0.1"))}, "platform""#,
        "plateau"
      ),
      (#""next" : 0"#, #""next" : 1"#, "spikes"), (#""untold" : 0"#, #""untold" : 6"#, "spikes"),
      (#""untold" : 0"#, #""untold" : 0, "lastTold" : 6"#, "spikes"),
      (#""losses" : ["#, #""losses" : ["# + String(repeating: "1,", count: 128) + "1", "spikes"),
      (#""losses" : ["#, #""losses" : [1e39"#, "no JSON"),
      (#""format" : 1"#, #""format" : 2"#, "format 2, expected 1"),
      (#""featureShape" : ["#, #""featureShape" : [4294967296, 4294967296, "#, "feature shape"),
      (#""featureShape" : ["#, #""featureShape" : [-1, "#, "feature shape"),
      ("{", String(repeating: "[", count: 10000) + "{", "no JSON"),
    ]
    for (find, replacement, says) in cases {
      #expect(refusal(find, replacement)?.contains(says) == true, "\(replacement)")
    }
  }

  private static let settings = [
    "data": "digits", "batch-size": "64", "optimizer": "sgd", "lr": "0.1", "seed": "3",
    "schedule": "linear", "logical-ranks": "2", "threads": "1",
  ]

  /// Where and how the run was called decides nothing, though a state may say it.
  @Test func callsAreNotRead() throws {
    var state = sample.state(5)
    state.settings = Self.settings
    let configuration = try state.configuration(origin: "x").configuration
    state.settings.merge(["run": "x", "quiet": "true", "progress": "off"]) { $1 }
    #expect(try state.configuration(origin: "x").configuration == configuration)
  }

  /// What is missing must not become a default in silence.
  @Test func settingsAreThere() throws {
    var state = sample.state(5)
    state.settings = Self.settings
    #expect(try state.configuration(origin: "x").configuration.seed == 3)
    for name in state.settings.keys {
      var less = state
      less.settings[name] = nil
      let failure = failure { _ = try less.configuration(origin: "x") }
      #expect(failure?.kind == .badData && failure?.message.hasSuffix(name) == true)
    }
    state.settings["faith"] = "1"
    #expect(failure { _ = try state.configuration(origin: "x") }?.kind == .badData)
  }

  @Test func keysOfJSON() {
    let keys = JSONKeys(
      #"{"a":[{"b":"{\"x\":1,"},{"b":2}],"c\n":{"a":1,"d":[[],{}]},"e":"a"}"#.utf8)
    #expect(keys.duplicate == nil)
    #expect(keys.paths == ["/a", "/a[]/b", "/c\n", "/c\n/a", "/c\n/d", "/e"])
    #expect(JSONKeys(#"{"a":{"b":1,"c":2,"b":3}}"#.utf8).duplicate == "/a/b")
    for cut in 0..<12 { _ = JSONKeys(#"{"a":["\"#.utf8.prefix(cut)) }
  }
}
