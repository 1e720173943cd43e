import Basics

/// Windows of a text file, or of the King James Bible as Debian's `bible` prints it.
struct TextPart: PartReader {
  let name: String
  let tokenizer: TextDescription.Tokenizer
  /// Tokens a sample has.
  let window: Int
  let isMasked: Bool

  func describe(like reference: DatasetDescription?) throws -> DatasetDescription {
    let bytes = try readBytes()
    guard !bytes.isEmpty else {
      throw Failure.badData("\(name): the text is empty", remedy: "Name a file with text in it.")
    }
    var text = TextDescription(
      tokenizer: tokenizer, window: window, isMasked: isMasked, tokens: [:])
    let target: TargetDescription
    let vocabulary: Vocabulary
    // Another text, for validation or test, has the numbers of the first one.
    if let reference, let known = reference.text, case .classes(let names) = reference.target {
      text.tokenizer = known.tokenizer
      text.window = known.window
      text.isMasked = known.isMasked
      vocabulary = Vocabulary(text, names: names)
      target = reference.target
    } else {
      vocabulary = try Vocabulary.found(in: bytes, text, origin: name)
      target = .classes(names: vocabulary.names)
    }
    text.tokens[.train] = try vocabulary.tokens(of: bytes, origin: name).count
    let windows = text.windows(.train)
    guard windows.rows > 0 else {
      let needed = text.window + (text.isMasked ? 0 : 1)
      throw Failure.badData(
        "\(name): \(text.tokens[.train] ?? 0) tokens, but a window of the model needs \(needed)",
        remedy: "Use a longer text, or a model with a shorter context.")
    }
    return DatasetDescription(
      name: name, featureShape: [text.window], featureType: .token, target: target,
      targetName: "token", rows: [.train: windows.rows], sourceBytes: bytes.count, text: text)
  }

  func tasks(_ description: DatasetDescription, _ memory: PartMemory) throws -> [DecodeTask] {
    guard let text = description.text, case .classes(let names) = description.target else {
      throw Failure.internalError("\(name): described as something other than text")
    }
    let task = DecodeTask(
      byteCount: memory.rows * text.window * 2, rows: memory.rows, isSplittable: false
    ) { _ in
      let tokens = try Vocabulary(text, names: names).tokens(of: readBytes(), origin: name)
      let windows = TextWindows(span: tokens.count - (text.isMasked ? 0 : 1), length: text.window)
      guard windows.rows == memory.rows else {
        throw Failure.badData("\(name) has changed since it was described")
      }
      let place = UnsafeMutableRawBufferPointer(start: memory.features, count: tokens.count * 2)
      tokens.withUnsafeBytes { place.copyMemory(from: $0) }
    }
    return [task]
  }

  private func readBytes() throws -> [UInt8] {
    guard name == "bible" else { return try readFile(name) }
    return try commandOutput(
      "bible", ["-f", "Gen1:1-Rev22:21"], remedy: "apt-get install bible-kjv bible-kjv-text")
  }
}
