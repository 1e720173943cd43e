import Basics
import Datasets
import Testing
import Training

/// Windows of text in a plan's memory: the next token, or hidden ones.
@Suite struct TokenWindowTests {
  /// Tokens and labels of `count` windows of length 40 over a text 1 … 99, 1 … 99, …
  private func windows(
    _ count: Int, masked: Bool, _ fill: (TokenWindow, UnsafeBufferPointer<UInt16>, Int) -> Void
  ) -> (tokens: [Int32], labels: [Int32]) {
    let text = TextDescription(tokenizer: .char, window: 40, isMasked: masked, tokens: [:])
    let features = AlignedBuffer<Float>(count: count * 40)
    let targets = AlignedBuffer<Float>(count: count * 40)
    let source = (0..<1000).map { UInt16($0 % 99 + 1) }
    source.withUnsafeBufferPointer { source in
      for index in 0..<count {
        let window = TokenWindow(
          text: text, vocabulary: 100, features: features.pointer, targets: targets.pointer,
          index: index)
        fill(window, source, index)
      }
    }
    func integers(_ buffer: AlignedBuffer<Float>) -> [Int32] {
      buffer.elements.map { Int32(bitPattern: $0.bitPattern) }
    }
    return (integers(features), integers(targets))
  }

  @Test func theNextTokenIsTheLabel() {
    let (tokens, labels) = windows(2, masked: false) { window, source, index in
      window.copy(source, start: 7 + index)
      window.ignoreFirst(3 * index)
      window.mask(Philox(seed: 0, purpose: .masking), sample: index)
    }
    #expect(tokens == (8..<48).map { $0 } + (9..<49).map { $0 })
    #expect(labels == (9..<49).map { $0 } + [-100, -100, -100] + (13..<50).map { $0 })
  }

  @Test func hidesFifteenPercent() {
    let (count, total) = (2000, 80_000.0)
    let random = Philox(seed: 3, purpose: .masking, stream: 5)
    let (tokens, labels) = windows(count, masked: true) { window, source, index in
      window.copy(source, start: 0)
      window.mask(random, sample: index)
    }
    let original = (0..<Int(total)).map { Int32($0 % 40 % 99 + 1) }
    let chosen = labels.indices.filter { labels[$0] != -100 }
    #expect(chosen.allSatisfy { labels[$0] == original[$0] })
    #expect(labels.indices.allSatisfy { labels[$0] != -100 || tokens[$0] == original[$0] })
    // One is certain, the others are hidden with probability 0.15.
    #expect(abs(Double(chosen.count) / total - (1 + 39 * 0.15) / 40) < 0.005)
    func share(_ holds: (Int) -> Bool) -> Double {
      Double(chosen.count(where: holds)) / Double(chosen.count)
    }
    #expect(abs(share { tokens[$0] == 0 } - 0.8) < 0.01)
    #expect(abs(share { tokens[$0] != 0 && tokens[$0] != original[$0] } - 0.1) < 0.01)
    #expect(tokens.allSatisfy { $0 >= 0 && $0 < 100 })
    for index in 0..<count {
      #expect(labels[(40 * index)..<(40 * index + 40)].contains { $0 != -100 })
    }
    let again = windows(1, masked: true) { window, source, _ in
      window.copy(source, start: 0)
      window.mask(random, sample: 1234)
    }
    #expect(again.labels == Array(labels[(1234 * 40)..<(1235 * 40)]))
  }
}
