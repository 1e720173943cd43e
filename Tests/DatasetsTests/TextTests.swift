import Basics
import Datasets
import Testing

/// Text as tokens and windows of them.
@Suite struct TextTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func options(
    _ tokenizer: TextDescription.Tokenizer = .char, context: Int = 4, masked: Bool = false,
    validation: String? = nil
  ) -> DataOptions {
    var options = DataOptions(
      task: masked ? .maskedLanguageModel : nil, validationData: validation)
    options.tokenizer = tokenizer
    options.context = context
    return options
  }

  private func vocabulary(_ data: Decoded) throws -> Vocabulary {
    guard case .classes(let names) = data.description.target else {
      throw Failure.internalError("no classes")
    }
    return Vocabulary(try #require(data.description.text), names: names)
  }

  private func tokens(_ data: Decoded, _ part: DatasetPart = .train) -> [UInt16] {
    withExtendedLifetime(data) { Array(data.dataset.tokens(part)) }
  }

  private func text(_ data: Decoded, _ part: DatasetPart = .train) throws -> String {
    let vocabulary = try vocabulary(data)
    let bytes = tokens(data, part).flatMap { vocabulary.bytes(of: Int($0)) }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test(arguments: TextDescription.Tokenizer.allCases, [true, false]) func comesBackAsItWas(
    _ tokenizer: TextDescription.Tokenizer, masked: Bool
  ) throws {
    let content = "naïve – 日本\r\n\tabc\u{0}é"
    let data = try Decoded(
      folder.write("a.txt", content), options(tokenizer, masked: masked), parts: 3)
    #expect(try text(data) == content)
    let count = tokenizer == .char ? content.unicodeScalars.count : content.utf8.count
    #expect(data.description.text?.tokens == [.train: count])
    let kinds = tokenizer == .char ? Set(content.unicodeScalars).count : 256
    let names = try vocabulary(data).names
    #expect(names.count == kinds + (masked ? 1 : 0))
    #expect((names[0] == TextDescription.maskName) == masked)
    if masked { #expect(!tokens(data).contains(0)) }
  }

  @Test func charactersAreNumberedInTheirOrder() throws {
    let data = try Decoded(folder.write("a.txt", "cabbage"), options())
    #expect(try vocabulary(data).names == ["a", "b", "c", "e", "g"])
    #expect(tokens(data) == [2, 0, 1, 1, 0, 4, 3])
    #expect(data.description.featureShape == [4] && data.description.rows == [.train: 2])
  }

  /// Together the rows predict every token once; each holds a whole window.
  @Test(arguments: [1, 3, 8], [8, 9, 15, 16, 17, 64]) func windowsCoverTheText(
    length: Int, span: Int
  ) {
    let windows = TextWindows(span: span, length: length)
    var seen = [Int](repeating: 0, count: span)
    for row in 0..<windows.rows {
      let start = windows.start(row: row)
      #expect(start >= 0 && start + length <= span)
      for position in windows.repeated(row: row)..<length { seen[start + position] += 1 }
    }
    #expect(seen == [Int](repeating: 1, count: span))
  }

  @Test func windowsBeginAnywhereInTheTrainingRows() {
    let whole = TextWindows(span: 103, length: 10)
    #expect(whole.rows == 11 && whole.prefix(rows: 11) == whole)
    let windows = whole.prefix(rows: 9)
    #expect(windows.start(random: 0) == 0)
    #expect(windows.start(random: .max) == 80)
    let random = Philox(seed: 1, purpose: .test)
    let starts = Set(
      (0..<5000).map { windows.start(random: UInt64(random.bits($0)) << 32 | 1) })
    #expect(starts == Set(0...80))
    #expect(TextWindows(span: 9, length: 10).rows == 0)
  }

  @Test func anotherTextHasTheNumbersOfTheFirst() throws {
    let extra = try folder.write("b.txt", "eggcabbage")
    let data = try Decoded(
      folder.write("a.txt", "cabbage."), options(validation: extra), parts: 2)
    #expect(try text(data, .validation) == "eggcabbage")
    #expect(data.description.text?.tokens == [.train: 8, .validation: 10])
    #expect(data.description.rows == [.train: 2, .validation: 3])
    let strange = try folder.write("c.txt", "cabbage\nZ")
    expectFailure(
      "c.txt, character 8", "\"\\n\"", "6 tokens", spec: folder.path + "/a.txt",
      options: options(validation: strange))
  }

  @Test func textsThatAreRefused() throws {
    expectFailure("empty", spec: try folder.write("empty.txt", ""), options: options())
    expectFailure(
      "4 tokens", "needs 5", spec: try folder.write("short.txt", "abcd"), options: options())
    let latin = try folder.write("latin.txt", [0x61, 0xC3, 0xA9, 0xE9, 0x62, 0x63, 0x64])
    expectFailure("latin.txt, byte 3", "--tokenizer byte", spec: latin, options: options())
    #expect(tokens(try Decoded(latin, options(.byte)))[3] == 0xE9)
    // Masked tokens need no next one.
    let exact = try folder.write("exact.txt", "abcd")
    #expect(try Decoded(exact, options(masked: true)).description.rows == [.train: 1])
  }

  @Test(.enabled(if: isInstalled("/usr/bin/bible"))) func bible() throws {
    let data = try Decoded("bible")
    #expect(data.description.text?.tokens == [.train: 4_404_412])
    let beginning = try text(data).prefix(60)
    #expect(beginning == "Ge1:1 In the beginning God created the heaven and the earth.")
  }
}
