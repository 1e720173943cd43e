import Basics
import Optimizers
import TestSupport
import Testing

@Suite struct ScheduleTests {
  private struct Reference: Decodable {
    let lr: [Double]
  }

  /// A golden case as the command line writes it, and as a shape.
  struct ScheduleCase: Sendable, CustomTestStringConvertible {
    let golden: String
    let text: String
    let shape: Schedule.Shape
    var warmup: Int = 0
    var total = 60

    var testDescription: String { golden }
    var name: String { String(text.prefix { $0 != ":" }) }
  }

  static let cases = [
    ScheduleCase(golden: "constant", text: "constant", shape: .constant),
    ScheduleCase(golden: "linear", text: "linear", shape: .linear(end: 0), total: 50),
    ScheduleCase(
      golden: "linear-end", text: "linear:end=0.2", shape: .linear(end: 0.2), total: 40),
    ScheduleCase(
      golden: "exponential", text: "exponential:gamma=0.95", shape: .exponential(gamma: 0.95)),
    ScheduleCase(
      golden: "exponential-rate", text: "exponential-decay:rate=0.03",
      shape: .exponentialDecay(rate: 0.03)),
    ScheduleCase(
      golden: "cosine", text: "cosine:min=0.001", shape: .cosine(floor: 0.001), total: 50),
    ScheduleCase(
      golden: "cosine-warm-restarts", text: "cosine-warm-restarts:t0=8st,mult=2,min=0.002",
      shape: .cosineWarmRestarts(period: 8, multiplier: 2, floor: 0.002)),
    ScheduleCase(
      golden: "exponential-warm-restarts", text: "exponential-warm-restarts:period=12,gamma=0.8",
      shape: .exponentialWarmRestarts(period: 12, gamma: 0.8)),
    ScheduleCase(
      golden: "warmup-linear-then-cosine", text: "cosine", shape: .cosine(floor: 0), warmup: 10),
  ]

  @Test func everyScheduleIsTested() {
    #expect(Set(Self.cases.map(\.name)) == Set(Schedule.names))
  }

  @Test(arguments: cases) func followsPyTorch(_ test: ScheduleCase) throws {
    let all = try Golden.json("schedules", as: [String: Reference].self)
    let expected = try #require(all[test.golden]).lr
    #expect(expected.count == 60)
    let made = Schedule(
      test.shape, baseRate: 0.1, warmupSteps: test.warmup, totalSteps: test.total)
    let parsed = try schedule(
      test.text, warmup: test.warmup == 0 ? nil : "\(test.warmup)st", total: test.total)
    #expect(made == parsed)
    for (step, rate) in expected.enumerated() {
      #expect(abs(parsed.rate(at: step) - rate) <= 2e-6 * rate + 1e-17, "step \(step)")
    }
  }

  @Test(arguments: cases) func restsOnTheStepAlone(_ test: ScheduleCase) throws {
    let schedule = try schedule(test.text, total: test.total)
    let forwards = (0..<200).map { schedule.rate(at: $0) }
    let backwards = (0..<200).reversed().map { schedule.rate(at: $0) }
    #expect(forwards == backwards.reversed())
    #expect(!forwards.contains { !($0 >= 0) || !$0.isFinite })
  }

  @Test(arguments: cases) func countsEpochsWhereAsked(_ test: ScheduleCase) throws {
    let separator = test.text.contains(":") ? "," : ":"
    let plain = try schedule(test.text.replacing("8st", with: "8"), total: test.total)
    let epochs = try schedule(
      test.text.replacing("8st", with: "8") + "\(separator)unit=epoch", stepsPerEpoch: 7,
      total: test.total * 7)
    for step in 0..<(60 * 7) { #expect(epochs.rate(at: step) == plain.rate(at: step / 7)) }
  }

  @Test func durationsInEveryUnit() throws {
    for length in ["20", "20st", "2ep", "10%"] {
      let text = "exponential-warm-restarts:period=\(length),gamma=0.5"
      let schedule = try schedule(text, warmup: length, stepsPerEpoch: 10, total: 200)
      #expect(schedule.warmupSteps == 20)
      #expect(schedule.shape == .exponentialWarmRestarts(period: 20, gamma: 0.5))
    }
  }

  @Test func warmupIsNeverZero() {
    let schedule = Schedule(.constant, baseRate: 0.2, warmupSteps: 4, totalSteps: 4)
    let rates = (0..<6).map { schedule.rate(at: $0) }
    #expect(relativeError(rates, [0.05, 0.1, 0.15, 0.2, 0.2, 0.2]) < 1e-15)
  }

  @Test(arguments: [
    "", "cosin", "cosine:", "cosine:min", "cosine:min=x", "cosine:min=-1", "cosine:min=nan",
    "cosine:max=1", "cosine:min=0,min=0", "cosine:unit=day", "linear:end=-1", "linear:end=inf",
    "exponential:gamma=0", "exponential:gamma=1.1", "exponential-decay:rate=-1",
    "cosine-warm-restarts", "cosine-warm-restarts:t0=0", "cosine-warm-restarts:t0=8xy",
    "cosine-warm-restarts:t0=-8st", "cosine-warm-restarts:t0=8st,mult=0.5",
    "cosine-warm-restarts:t0=0ep", "exponential-warm-restarts:gamma=0.5",
    "exponential-warm-restarts:period=nan", "exponential-warm-restarts:period=8,gamma=2",
    "constant:gamma=1",
  ])
  func refusesBadText(_ text: String) {
    let failure = failure { _ = try schedule(text, total: 100) }
    #expect(failure?.kind == .usage)
    #expect(failure?.message.hasPrefix("schedule") == true)
  }

  @Test(arguments: ["101", "200%", "11ep", "-1", "ten", "nan", "1e13", "1e12ep", "1e12%"])
  func refusesBadWarmup(_ text: String) {
    let failure = failure {
      _ = try schedule("constant", warmup: text, stepsPerEpoch: 10_000_000, total: 100)
    }
    #expect(failure?.kind == .usage)
    #expect(failure?.message.hasPrefix("warmup") == true)
  }

  private func schedule(
    _ text: String, warmup: String? = nil, stepsPerEpoch: Int = 10, total: Int
  ) throws -> Schedule {
    try Schedule(
      parsing: text, baseRate: 0.1, warmup: warmup, stepsPerEpoch: stepsPerEpoch,
      totalSteps: total)
  }
}
