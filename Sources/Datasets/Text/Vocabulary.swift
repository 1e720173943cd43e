import Basics

/// The tokens of a text and their numbers.
package struct Vocabulary: Sendable {
  package let text: TextDescription
  /// One a token: the character, `0x41` for a byte, or `[MASK]`.
  package let names: [String]
  private let numbers: [Unicode.Scalar: UInt16]

  /// Numbers fit in 16 bits.
  static let limit = 65_536

  package init(_ text: TextDescription, names: [String]) {
    self.text = text
    self.names = names
    var numbers: [Unicode.Scalar: UInt16] = [:]
    if text.tokenizer == .char {
      for (number, name) in names.enumerated() where number > 0 || !text.isMasked {
        if let scalar = name.unicodeScalars.first { numbers[scalar] = UInt16(number) }
      }
    }
    self.numbers = numbers
  }

  /// The vocabulary of a text: all bytes, or the characters that occur.
  ///
  /// - Throws: `Failure.badData` where the bytes are no UTF-8 or hold too many characters.
  static func found(
    in bytes: [UInt8], _ text: TextDescription, origin: String
  ) throws -> Vocabulary {
    let mask = text.isMasked ? [TextDescription.maskName] : []
    switch text.tokenizer {
    case .byte:
      return Vocabulary(
        text, names: mask + (0..<256).map { "0x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) })
    case .char:
      let scalars = Set(try decoded(bytes, origin: origin).unicodeScalars).sorted()
      guard scalars.count + mask.count <= limit else {
        throw Failure.badData(
          "\(origin): \(scalars.count) different characters, at most \(limit - 1) expected",
          remedy: "Use --tokenizer byte.")
      }
      return Vocabulary(text, names: mask + scalars.map { String($0) })
    }
  }

  /// The numbers of a text's tokens.
  ///
  /// - Throws: `Failure.badData` for a character outside the vocabulary, with its place.
  package func tokens(of bytes: [UInt8], origin: String) throws -> [UInt16] {
    if text.tokenizer == .byte {
      return bytes.map { UInt16($0) + (text.isMasked ? 1 : 0) }
    }
    var tokens: [UInt16] = []
    tokens.reserveCapacity(bytes.count)
    for scalar in try Vocabulary.decoded(bytes, origin: origin).unicodeScalars {
      guard let number = numbers[scalar] else {
        throw Failure.badData(
          "\(origin), character \(tokens.count + 1): "
            + "\(quoted(String(scalar))) is not in the vocabulary of \(names.count) tokens",
          remedy: "Only characters of the training text have a token; --tokenizer byte takes all.")
      }
      tokens.append(number)
    }
    return tokens
  }

  /// The bytes a token stands for; none for `[MASK]`.
  package func bytes(of token: Int) -> [UInt8] {
    if text.isMasked && token == 0 { return [] }
    switch text.tokenizer {
    case .byte: return [UInt8(token - (text.isMasked ? 1 : 0))]
    case .char: return Array(names[token].utf8)
    }
  }

  private static func decoded(_ bytes: [UInt8], origin: String) throws -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    // Where a decoder that repairs puts the first replacement the text did not have.
    var (repaired, place) = (0, 0)
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    while case .scalarValue(let scalar) = decoder.decode(&iterator) {
      repaired += 1
      place += String(scalar).utf8.count
    }
    throw Failure.badData(
      "\(origin), byte \(place): not UTF-8 after \(repaired) characters",
      remedy: "Convert it to UTF-8, or use --tokenizer byte.")
  }
}
