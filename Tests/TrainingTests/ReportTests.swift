import FoundationEssentials
import Reports
import TestSupport
import Testing
import Training

@Suite struct ReportTests {
  @Test func jsonReadsBackBitForBit() throws {
    let awkward = "a\"b\\c\n\t\r\u{1}\u{1F}\u{7F}é\u{1F600}/"
    var line = JSONLine()
    line.add("text", awkward)
    line.add("count", Int.min)
    line.add("double", 0.1 + 0.2)
    line.add("flag", true)
    line.add("nan", Double.nan)
    line.add("up", Double.infinity)
    line.add("down", -Float.infinity)
    #expect(line.text.hasPrefix(#"{"text":"#) && !line.text.contains("\n"))
    let decoded = try JSONDecoder().decode([String: Member].self, from: Data(line.text.utf8))
    #expect(decoded["text"] == .text(awkward) && decoded["double"] == .number(0.1 + 0.2))
    #expect(decoded["nan"] == .text("nan") && decoded["up"] == .text("inf"))
    #expect(decoded["down"] == .text("-inf") && decoded["flag"] == .flag(true))
    for value in randomValues(200, stream: 1) + [
      Float.leastNonzeroMagnitude, 3.4028235e38, 1e16, -0.0, 1e-7,
    ] {
      var line = JSONLine()
      line.add("v", value)
      let found = try JSONDecoder().decode([String: Float].self, from: Data(line.text.utf8))["v"]
      #expect(found == value, "\(line.text)")
    }
  }

  /// A JSON member of any kind.
  enum Member: Decodable, Equatable {
    case text(String), number(Double), flag(Bool)

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      if let flag = try? value.decode(Bool.self) {
        self = .flag(flag)
      } else if let number = try? value.decode(Double.self) {
        self = .number(number)
      } else {
        self = .text(try value.decode(String.self))
      }
    }
  }

  @Test func numbers() {
    #expect(Format.fixed(1.005, 2) == "1.00" && Format.fixed(-0.004, 2) == "0.00")
    #expect(Format.fixed(-1.999, 2) == "-2.00" && Format.fixed(0.05, 3) == "0.050")
    #expect(Format.fixed(2.5, 0) == "3" && Format.fixed(.nan, 1) == "nan")
    #expect(Format.fixed(1e300, 2) == "1e+300")
    let short: [(Double, String)] = [
      (0, "0"), (0.001, "0.001"), (1.5, "1.5"), (1.23456, "1.2346"), (123.456, "123.5"),
      (100, "100"), (1.234e-5, "1.234e-5"), (9.9996e-5, "1e-4"), (2e7, "2e7"), (-3e-9, "-3e-9"),
      (.infinity, "inf"),
    ]
    for (value, text) in short { #expect(Format.short(value) == text) }
    #expect(Format.grouped(1_234_567) == "1,234,567" && Format.grouped(-1000) == "-1,000")
    #expect(Format.grouped(999) == "999" && Format.grouped(0) == "0")
    #expect(Format.bytes(1023) == "1023 B" && Format.bytes(13_107_200) == "12.5 MiB")
    let durations: [(Double, String)] = [
      (3.2, "3.2 s"), (59, "59 s"), (245, "4 min 05 s"), (7380, "2 h 03 min"), (-1, "?"),
      (.nan, "?"),
    ]
    for (seconds, text) in durations { #expect(Format.duration(seconds: seconds) == text) }
  }

  @Test func tablesAlign() {
    var table = Table()
    table.add("name", "n", "loss")
    table.add("a", "1000", "2")
    table.add("longer")
    #expect(table.lines == ["  name       n  loss", "  a       1000     2", "  longer"])
  }

  /// A resume cuts what came after its step, and a line that was never finished.
  @Test func metricsFileIsCut() throws {
    let folder = try TemporaryFolder()
    let lines = (1...5).map { #"{"kind":"step","step":\#($0)}"# + "\n" }
    let path = try folder.write("metrics.jsonl", (lines.joined() + #"{"step":"#).utf8)
    do {
      let file = try MetricsFile(
        path: path, continuingAfter: 3, console: Console(mode: .off, isQuiet: true))
      var line = JSONLine()
      line.add("step", 4)
      file.write(line)
    }
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text == lines.prefix(3).joined() + "{\"step\":4}\n")
  }

  /// A run that is looked at while it writes, and one whose disk was full.
  @Test func `Lines that are none`() throws {
    let folder = try TemporaryFolder()
    func line(_ step: Int) -> String { #"{"kind":"step","step":\#(step),"loss":\#(step).5}"# }
    for (between, warned) in [("", []), (#"{"kind":"st"# + "\n\n", ["2 line(s)", "line 2"])] {
      _ = try folder.write(
        "metrics.jsonl", "\(line(1))\n\(between)\(line(2))\n\(line(3).dropLast())".utf8)
      var warnings: [String] = []
      let history = try RunHistory(run: folder.path, warn: { warnings.append($0) })
      #expect(history.points(\.loss, kind: "step").map(\.x) == [1, 2])
      #expect(history.points(\.loss, kind: "step").map(\.y) == [1.5, 2.5])
      #expect(warnings.count == (warned.isEmpty ? 0 : 1))
      for word in warned { #expect(warnings.first?.contains(word) == true, "\(warnings)") }
    }
  }
}
