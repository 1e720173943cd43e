import Basics
import TestSupport
import Testing

@Suite struct NamedOptionsTests {
  /// What a reader of two numbers and a switch gets.
  private func read(_ text: String) throws -> (count: Int, share: Double, isOn: Bool?) {
    var options = try NamedOptions(parsing: text, option: "model")
    let result = (
      try options.count("count", default: 4, in: 1...8),
      try options.number("share", default: 0.5, in: "0 ≤ share < 1") { $0 >= 0 && $0 < 1 },
      try options.flag("on")
    )
    try options.finish()
    return result
  }

  @Test func readsWhatIsGivenAndTakesDefaults() throws {
    #expect(try read("a") == (4, 0.5, nil))
    #expect(try read("a:share=0.25,on=false,count=8") == (8, 0.25, false))
  }

  @Test(arguments: [
    ("a:count=1,count=2", "'count=2'", "key=value"), ("a:", "''", "key=value"),
    ("a:count", "'count'", "key=value"), ("a:count=9", "count '9'", "a whole number from 1 to 8"),
    ("a:count=1.0", "count '1.0'", "a whole number"), ("a:share=1", "share '1'", "0 ≤ share < 1"),
    ("a:share=nan", "share 'nan'", "0 ≤ share"), ("a:on=yes", "on 'yes'", "true or false"),
    ("a:size=1", "'size'", "Keys: count, share, on."),
  ])
  func refuses(_ text: String, words: String, remedy: String) {
    let refused = failure { _ = try read(text) }
    #expect(refused?.kind == .usage)
    #expect(refused?.message.hasPrefix("model a: ") == true)
    #expect(refused?.message.contains(words) == true, "\(refused?.message ?? "accepted")")
    #expect(refused?.remedy.contains(remedy) == true, "\(refused?.remedy ?? "accepted")")
  }
}
