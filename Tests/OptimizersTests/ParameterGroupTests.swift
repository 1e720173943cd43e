import Basics
import Optimizers
import TestSupport
import Testing

@Suite struct ParameterGroupTests {
  @Test func readsWhatItPrints() throws {
    for text in [
      "a.*:lr-factor=0.1", "*:weight-decay=0.0", "b?[0-3]:freeze=true",
      "a:lr-factor=2.0,weight-decay=0.5,freeze=false",
    ] { #expect(try ParameterGroup(parsing: text).description == text) }
    let group = try ParameterGroup(parsing: "a:weight-decay=0.5,lr-factor=2")
    #expect(group == ParameterGroup(pattern: "a", rateFactor: 2, weightDecay: 0.5))
  }

  @Test(arguments: [
    ("", "PATTERN"), ("a", "PATTERN"), (":freeze=true", "PATTERN"), ("a:", "key"),
    ("a:freeze", "freeze"), ("a:freeze=yes", "freeze"), ("a:lr-factor=-1", "lr-factor '-1'"),
    ("a:lr-factor=inf", "lr-factor 'inf'"), ("a:lr-factor=x", "lr-factor 'x'"),
    ("a:weight-decay=nan", "weight-decay 'nan'"), ("a:rate=1", "'rate'"),
    ("a:freeze=true,", "''"), ("a:freeze=true,freeze=false", "twice"),
  ])
  func refuses(_ text: String, words: String) {
    let refused = failure { _ = try ParameterGroup(parsing: text) }
    #expect(refused?.kind == .usage)
    #expect(refused?.message.contains(words) == true, "\(refused?.message ?? "accepted")")
  }

  @Test func matchesAsAShellDoes() {
    func matches(_ pattern: String, _ name: String) -> Bool {
      ParameterGroup(pattern: pattern).matches(name)
    }
    #expect(matches("*", "0.weight") && matches("0.*", "0.weight") && matches("0.*", "0.a.b"))
    #expect(matches("*.bias", "fc.bias") && !matches("*.bias", "fc.bias2"))
    #expect(matches("[0-2].w*", "1.weight") && !matches("[0-2].w*", "3.weight"))
    #expect(matches("?.weight", "1.weight") && !matches("?.weight", "10.weight"))
    #expect(!matches("weight", "0.weight"))
  }

  @Test func aPatternWithoutParametersIsASlip() {
    let groups = [ParameterGroup(pattern: "0.*"), ParameterGroup(pattern: "head.*")]
    let refused = failure { try ParameterGroup.check(groups, names: ["0.weight", "0.bias"]) }
    #expect(refused?.kind == .usage)
    #expect(refused?.message.contains("head.*") == true)
    #expect(refused?.remedy.contains("0.weight, 0.bias") == true)
    #expect(failure { try ParameterGroup.check(groups, names: ["0.a", "head.b"]) } == nil)
  }
}
