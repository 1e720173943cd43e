/// Text as a stream of tokens, of which samples are windows.
///
/// The tokens of a part lie in memory as `UInt16`, once; features and targets are copied from
/// there.
package struct TextDescription: Codable, Equatable, Sendable {
  /// What a token is.
  package enum Tokenizer: String, Codable, Sendable, CaseIterable {
    /// A Unicode scalar; the vocabulary is those that occur in the training text, in order.
    case char
    /// A byte.
    case byte
  }

  package var tokenizer: Tokenizer
  /// Tokens a sample has.
  package var window: Int
  /// Whether hidden tokens are to be found, instead of the next ones: token 0 is then `[MASK]`.
  package var isMasked: Bool
  /// Tokens of each part.
  package var tokens: [DatasetPart: Int]

  /// What hides a token, and stands first in a masked text's vocabulary.
  package static let maskName = "[MASK]"

  package init(
    tokenizer: Tokenizer, window: Int, isMasked: Bool, tokens: [DatasetPart: Int]
  ) {
    self.tokenizer = tokenizer
    self.window = window
    self.isMasked = isMasked
    self.tokens = tokens
  }

  package func windows(_ part: DatasetPart) -> TextWindows {
    let count = tokens[part] ?? 0
    return TextWindows(span: isMasked ? count : max(0, count - 1), length: window)
  }
}

/// The windows of a text: row r begins at token r·length; the last one ends with the text.
package struct TextWindows: Equatable, Sendable {
  /// Tokens that have something to predict: all but the last where each predicts the next.
  package let span: Int
  package let length: Int

  package init(span: Int, length: Int) {
    self.span = span
    self.length = length
  }

  /// Windows that together hold every token.
  package var rows: Int { span < length ? 0 : (span + length - 1) / length }

  /// The first token of a row.
  package func start(row: Int) -> Int { min(row * length, span - length) }

  /// Tokens at a row's beginning that the row before holds too.
  package func repeated(row: Int) -> Int { row * length - start(row: row) }

  /// The windows of the first `rows` rows alone.
  package func prefix(rows: Int) -> TextWindows {
    TextWindows(span: min(span, rows * length), length: length)
  }

  /// Any of the first tokens a window can have, `number` being 64 random bits.
  package func start(random number: UInt64) -> Int {
    Int(number.multipliedFullWidth(by: UInt64(span - length + 1)).high)
  }
}
