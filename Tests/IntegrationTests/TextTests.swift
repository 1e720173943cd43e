import Foundation
import Testing

extension Integration {
  /// Models of sequences on ranks: text in, bits that do not depend on the ranks, text out.
  @Suite struct TextTests {
    let folder: TemporaryFolder
    let text: String

    init() throws {
      folder = try TemporaryFolder()
      text = folder.file("text.txt")
      let line = "the quick brown fox jumps over the lazy dog, 0123456789 times. "
      try Data(String(repeating: line, count: 60).utf8).write(to: URL(fileURLWithPath: text))
    }

    private static let gpt = "gpt:layers=2,heads=2,width=16,context=16,dropout=0.2"

    @Test(
      arguments: [
        ["--data", "digits", "--model", "lstm:16,16", "--epochs", "1"],
        ["--data", "TEXT", "--model", gpt, "--steps", "12", "--clip-norm", "1"],
        ["--data", "TEXT", "--model", "bert:layers=1,heads=2,width=16,context=16", "--steps", "6"],
      ])
    func `Ranks change no bit`(options: [String]) throws {
      let counts = [1, 2, 3, 4, 8]
      let runs = counts.map { folder.run("ranks-\($0)") }
      let arguments = options.map { $0 == "TEXT" ? text : $0 }
      try runAll(
        zip(counts, runs).map { ranks, run in
          Launch(
            ranks: ranks, expecting: 0,
            arguments + ["--logical-ranks", "8", "--threads", "1", "--quiet"] + run.option)
        })
      let digests = try runs.map { try $0.digest() }
      #expect(Set(digests).count == 1, "\(digests)")
    }

    @Test func `A trained model continues a text`() throws {
      let run = folder.run("gpt")
      try runAll([
        Launch(
          ranks: 2, expecting: 0,
          [
            "--data", text, "--model", "gpt:layers=1,heads=2,width=32,context=16", "--steps", "400",
            "--lr", "0.01", "--batch-size", "32", "--quiet",
          ] + run.option)
      ])
      let predict = ["predict", run.path, "--prompt", "the quick b", "--tokens", "20"]
      let outcomes = try runAll([
        Launch(ranks: 1, expecting: 0, predict + ["--temperature", "0"]),
        Launch(ranks: 2, expecting: 0, predict + ["--top-k", "1", "--seed", "3"]),
        Launch(ranks: 1, expecting: 0, ["evaluate", run.path, "--split", "val"]),
      ])
      for outcome in outcomes.prefix(2) {
        #expect(outcome.stdout == "the quick brown fox jumps over \n")
      }
      try Refusal.expect([
        Refusal(predict + ["--temperature", "-1"], 64, "temperature"),
        Refusal(["predict", run.path, "--prompt", "a", "--tokens", "-5"], 64, "tokens", "'-5'"),
        Refusal(
          predict + ["--output", folder.file("o.csv"), "--data", text, "--split", "val"], 64,
          "data, split, output", "together with prompt"),
        Refusal(["predict", run.path, "--prompt", "Ω"], 65, "prompt, character 1", "vocabulary"),
        Refusal(["predict", run.path, "--prompt", ""], 64, "empty"),
        Refusal(
          ["evaluate", run.path, "--data", try folder.write("greek.txt", "the quick brown Ω fox")],
          65, "greek.txt, character 17", "vocabulary"),
        Refusal(["predict", run.path, "--output", folder.file("o.csv")], 64, "--prompt"),
      ])
    }

    @Test func `Texts and models that do not fit`() throws {
      let latin = folder.file("latin.txt")
      try Data([0x61, 0xE9, 0x62]).write(to: URL(fileURLWithPath: latin))
      let empty = folder.file("empty.txt")
      try Data().write(to: URL(fileURLWithPath: empty))
      try Refusal.expect([
        Refusal(["--data", latin], 65, "latin.txt, byte 1", "--tokenizer byte"),
        Refusal(["--data", empty], 65, "empty"),
        Refusal(["--data", text, "--model", "gpt:context=5000"], 65, "3780 tokens", "5001"),
        Refusal(["--data", text, "--model", "mlp:8"], 64, "begin with an embedding"),
        Refusal(["--data", text, "--standardize"], 64, "no numbers"),
        Refusal(["--data", "digits", "--model", "gpt"], 64, "the data has numbers"),
        Refusal(["--data", text, "--model", "gpt:heads=3"], 64, "3 heads"),
        Refusal(["--data", text, "--model", "gpt:depth=3"], 64, "'depth'", "heads"),
      ])
    }
  }
}
