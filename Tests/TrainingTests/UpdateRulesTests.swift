import Basics
import Graph
import Optimizers
import TestSupport
import Testing
import Training

@Suite struct UpdateRulesTests {
  private let layout = ParameterLayout([
    Parameter("0.weight", shape: [3, 5], role: .weight, initializer: .constant(0)),
    Parameter("0.bias", shape: [3], role: .bias, initializer: .constant(0)),
    Parameter("1.weight", shape: [3], role: .norm, initializer: .constant(0)),
  ])

  private func rules(_ change: (inout RunConfiguration) -> Void) throws -> [UpdateRules.Entry] {
    var configuration = RunConfiguration()
    change(&configuration)
    return try UpdateRules(configuration, layout: layout, weightDecay: 0.1).entries
  }

  @Test func withoutGroups() throws {
    let plain = try rules { _ in }
    #expect(plain.map(\.weightDecay) == [0.1, 0.1, 0.1])
    #expect(plain.map(\.isPenalized) == [true, false, false])
    #expect(plain.allSatisfy { $0.rateFactor == 1 && !$0.isFrozen && !$0.isConstrained })
    #expect(try rules { $0.decayExclude = [.bias, .norm] }.map(\.weightDecay) == [0.1, 0, 0])
    #expect(try rules { $0.maxNorm = 1 }.map(\.isConstrained) == [true, false, false])
  }

  @Test func laterGroupsWinKeyByKey() throws {
    let entries = try rules {
      $0.decayExclude = [.bias]
      $0.parameterGroups = [
        ParameterGroup(pattern: "*", rateFactor: 0.5, weightDecay: 0.2),
        ParameterGroup(pattern: "0.*", rateFactor: 0.25, isFrozen: true),
        ParameterGroup(pattern: "*.bias", isFrozen: false),
      ]
    }
    #expect(entries.map(\.weightDecay) == [0.2, 0.2, 0.2])
    #expect(entries.map(\.rateFactor) == [0.25, 0.25, 0.5])
    #expect(entries.map(\.isFrozen) == [true, false, false])
    #expect(try rules { $0.freeze = ["*.weight"] }.map(\.isFrozen) == [true, false, true])
  }

  @Test func refusesGroupsWithoutParameters() {
    let refused = failure { _ = try rules { $0.freeze = ["2.*"] } }
    #expect(refused?.kind == .usage && refused?.message.contains("2.*") == true)
  }
}
