package import Basics
package import Datasets
import Graph

/// One window of a text in a plan's memory: `Int32` tokens, and for each the label to predict.
package struct TokenWindow {
  private let text: TextDescription
  private let vocabulary: Int
  private let tokens: UnsafeMutableBufferPointer<Int32>
  private let labels: UnsafeMutableBufferPointer<Int32>

  /// - Parameters:
  ///   - features: of the whole batch, as are the targets.
  ///   - index: the sample's number in it.
  package init(
    text: TextDescription, vocabulary: Int, features: UnsafeMutablePointer<Float>,
    targets: UnsafeMutablePointer<Float>, index: Int
  ) {
    self.text = text
    self.vocabulary = vocabulary
    func place(_ base: UnsafeMutablePointer<Float>) -> UnsafeMutableBufferPointer<Int32> {
      let start = UnsafeMutableRawPointer(base + index * text.window)
      return UnsafeMutableBufferPointer(
        start: start.assumingMemoryBound(to: Int32.self), count: text.window)
    }
    tokens = place(features)
    labels = place(targets)
  }

  /// The tokens from `start`, each with the next one as its label; with itself in a masked text.
  package func copy(_ source: UnsafeBufferPointer<UInt16>, start: Int) {
    let shift = text.isMasked ? 0 : 1
    for position in 0..<text.window {
      tokens[position] = Int32(source[start + position])
      labels[position] = Int32(source[start + position + shift])
    }
  }

  /// Labels that another window predicts.
  package func ignoreFirst(_ count: Int) {
    for position in 0..<count { labels[position] = ClassLoss.ignoredLabel }
  }

  /// Hides 15 % of a masked text's tokens, at least one, and ignores the labels of the others. Of
  /// the hidden ones 80 % become `[MASK]`, 10 % any token, 10 % stay.
  ///
  /// Source: Devlin et al., "BERT", arXiv 1810.04805, section 3.1.
  package func mask(_ random: Philox, sample: Int) {
    guard text.isMasked else { return }
    let first = UInt64(sample) * UInt64(text.window + 1)
    let certain = Int(random.block(first).x) % text.window
    for position in 0..<text.window {
      let words = random.block(first + 1 + UInt64(position))
      guard position == certain || Double(words.x) < 0.15 * 0x1p32 else {
        labels[position] = ClassLoss.ignoredLabel
        continue
      }
      if Double(words.y) < 0.8 * 0x1p32 {
        tokens[position] = 0
      } else if Double(words.y) < 0.9 * 0x1p32 {
        tokens[position] = 1 + Int32(words.z % UInt32(vocabulary - 1))
      }
    }
  }
}
