import Testing

/// A refused start: what is said, and the code.
struct Refusal {
  let arguments: [String]
  let code: Int32
  /// All of them stand in what the rank says.
  let words: [String]

  init(_ arguments: [String], _ code: Int32, _ words: String...) {
    self.arguments = arguments
    self.code = code
    self.words = words
  }

  /// Every one ends all ranks, with its code and one message of one rank.
  static func expect(
    _ refusals: [Refusal], ranks: Int = 3, at place: SourceLocation = #_sourceLocation
  ) throws {
    let launches = refusals.map { Launch(ranks: ranks, expecting: $0.code, $0.arguments) }
    let outcomes = try runAll(launches, timeout: 60, at: place)
    for (refusal, outcome) in zip(refusals, outcomes) {
      let what: Comment = "\(refusal.arguments): \(outcome)"
      #expect(outcome.messages.count == 1, what, sourceLocation: place)
      for word in refusal.words {
        #expect(outcome.stderr.contains(word), "'\(word)'? \(what)", sourceLocation: place)
      }
      #expect(!outcome.stderr.contains("Fatal error"), what, sourceLocation: place)
    }
  }
}
