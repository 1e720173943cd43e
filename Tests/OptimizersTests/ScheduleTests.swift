import Basics
import FoundationEssentials
import Optimizers
import TestSupport
import Testing

@Suite struct ScheduleTests {
  private struct Reference: Decodable {
    let lr: [Double]
    /// What reduce-on-plateau was told after each.
    let metric: [Double]?
  }

  /// A golden case as the command line writes it.
  struct ScheduleCase: Sendable, CustomTestStringConvertible {
    let golden: String
    let text: String
    var base = 0.1
    var warmup = 0
    var total = 60

    var testDescription: String { golden }
    var name: String { String(text.prefix { $0 != ":" }) }
  }

  static let cases = [
    ScheduleCase(golden: "constant", text: "constant"),
    ScheduleCase(golden: "linear", text: "linear", total: 50),
    ScheduleCase(golden: "linear-end", text: "linear:end=0.2", total: 40),
    ScheduleCase(golden: "exponential", text: "exponential:gamma=0.95"),
    ScheduleCase(golden: "exponential-rate", text: "exponential-decay:rate=0.03"),
    ScheduleCase(golden: "step", text: "step:size=15,gamma=0.3"),
    ScheduleCase(golden: "multistep", text: "multistep:at=10+25+26,gamma=0.5"),
    ScheduleCase(golden: "polynomial", text: "polynomial:power=2", total: 45),
    ScheduleCase(golden: "inverse-time", text: "inverse-time:rate=0.1"),
    ScheduleCase(golden: "inverse-sqrt", text: "inverse-sqrt:warmup=10"),
    ScheduleCase(golden: "cosine", text: "cosine:min=0.001", total: 50),
    ScheduleCase(
      golden: "cosine-warm-restarts", text: "cosine-warm-restarts:t0=8,mult=2,min=0.002"),
    ScheduleCase(
      golden: "exponential-warm-restarts", text: "exponential-warm-restarts:period=12,gamma=0.8"),
    ScheduleCase(golden: "one-cycle", text: "one-cycle", base: 0.5, total: 61),
    ScheduleCase(golden: "cyclic-triangular", text: "cyclic:up=7,min=0.01", base: 0.2),
    ScheduleCase(golden: "warmup-linear-then-cosine", text: "cosine", warmup: 10),
    ScheduleCase(
      golden: "reduce-on-plateau",
      text: "reduce-on-plateau:factor=0.5,patience=2,threshold=0.001,cooldown=1,min=0.005"),
  ]

  /// A schedule without a row of golden values and bad ones fails here. `wsd` is no class of
  /// PyTorch's: its formula has a test of its own.
  @Test func everyScheduleIsTested() throws {
    let golden = try Golden.json("schedules", as: [String: Reference].self)
    #expect(Set(Self.cases.map(\.golden)) == Set(golden.keys))
    #expect(Set(Self.cases.map(\.name) + ["wsd"]) == Set(Schedule.names))
    let refused = Set(Self.badTexts.map { String($0.prefix { $0 != ":" }) })
    #expect(refused.isSuperset(of: Schedule.names))
  }

  @Test(arguments: cases.filter { $0.name != "reduce-on-plateau" })
  func followsPyTorch(_ test: ScheduleCase) throws {
    let all = try Golden.json("schedules", as: [String: Reference].self)
    let expected = try #require(all[test.golden]).lr
    #expect(expected.count == 60)
    let schedule = try schedule(test)
    for (step, rate) in expected.enumerated() {
      #expect(abs(schedule.rate(at: step) - rate) <= 1e-7 * rate + 1e-17, "step \(step)")
    }
  }

  /// The state of the checks, stored and read back after each, follows PyTorch's.
  @Test func plateauFollowsPyTorchThroughEveryResume() throws {
    let test = try #require(Self.cases.first { $0.name == "reduce-on-plateau" })
    let reference = try #require(
      try Golden.json("schedules", as: [String: Reference].self)[test.golden])
    let settings = try #require(try schedule(test).plateau)
    let metrics = try #require(reference.metric)
    #expect(metrics.count == 27)
    for sign in [1.0, -1] {
      var state = ReduceOnPlateau.State(rate: test.base)
      for (rate, metric) in zip(reference.lr, metrics) {
        state = try JSONDecoder().decode(
          ReduceOnPlateau.State.self, from: JSONEncoder().encode(state))
        #expect(abs(state.rate - rate) <= 1e-7 * rate)
        // Its inverse is better when higher, and goes the same way.
        let value = sign > 0 ? metric : 1 / metric
        state.observe(value, isBetterWhenHigher: sign < 0, settings: settings)
      }
    }
    #expect(Set(reference.lr).count > 3)
  }

  @Test func plateauKnowsNoNumberThatIsNone() throws {
    let settings = try #require(
      try schedule("reduce-on-plateau:patience=1,factor=0.5", total: 9).plateau)
    var state = ReduceOnPlateau.State(rate: 1)
    for value in [Double.nan, 1, .nan, .infinity, 0.5, 0.5] {
      state.observe(value, isBetterWhenHigher: false, settings: settings)
    }
    #expect(state.rate == 0.5)
  }

  @Test(arguments: cases) func restsOnTheStepAlone(_ test: ScheduleCase) throws {
    let schedule = try schedule(test)
    let forwards = (0..<200).map { schedule.rate(at: $0) }
    let backwards = (0..<200).reversed().map { schedule.rate(at: $0) }
    #expect(forwards == backwards.reversed())
    #expect(!forwards.contains { !($0 >= 0) || !$0.isFinite })
  }

  @Test(arguments: cases) func countsEpochsWhereAsked(_ test: ScheduleCase) throws {
    let separator = test.text.contains(":") ? "," : ":"
    let plain = try schedule(test.text, base: test.base, total: test.total)
    let epochs = try schedule(
      "\(test.text)\(separator)unit=epoch", base: test.base, stepsPerEpoch: 7,
      total: test.total * 7)
    for step in 0..<(60 * 7) {
      #expect(epochs.rate(at: step) == plain.rate(at: step / 7))
      #expect(epochs.momentum(at: step) == plain.momentum(at: step / 7))
    }
  }

  @Test(arguments: ["20", "20st", "2ep", "10%"]) func durationsInEveryUnit(_ length: String) throws
  {
    func rates(_ text: String, warmup: String? = nil) throws -> [Double] {
      let schedule = try schedule(text, warmup: warmup, stepsPerEpoch: 10, total: 200)
      return (0..<200).map { schedule.rate(at: $0) }
    }
    for text in [
      "exponential-warm-restarts:period=#", "step:size=#", "multistep:at=#+150",
      "inverse-sqrt:warmup=#", "cosine-warm-restarts:t0=#", "cyclic:up=#", "wsd:decay=#",
      "linear:for=#;constant",
    ] {
      #expect(
        try rates(text.replacing("#", with: length)) == rates(text.replacing("#", with: "20")))
    }
    let warm = try rates("constant", warmup: length)
    #expect(warm[18] == 0.1 * 19 / 20 && warm[19] == 0.1)
  }

  @Test func warmupIsNeverZero() throws {
    let schedule = try schedule("constant", base: 0.2, warmup: "4", total: 4)
    let rates = (0..<6).map { schedule.rate(at: $0) }
    #expect(relativeError(rates, [0.05, 0.1, 0.15, 0.2, 0.2, 0.2]) < 1e-15)
  }

  /// Constant, then 1 − √x to the end.
  @Test func warmupStableDecay() throws {
    let plain = try schedule("wsd", warmup: "10", total: 110)
    let long = try schedule("wsd:decay=50,end=0.5", total: 100)
    for step in 0..<100 {
      let x = max(0, Double(step) - 80) / 20
      #expect(abs(plain.rate(at: step + 10) - 0.1 * (1 - x.squareRoot())) < 1e-15)
      let y = max(0, Double(step) - 50) / 50
      #expect(abs(long.rate(at: step) - 0.1 * (1 - 0.5 * y.squareRoot())) < 1e-15)
    }
    #expect(plain.rate(at: 200) == 0 && long.rate(at: 200) == 0.05)
  }

  /// `torch.optim.lr_scheduler.OneCycleLR(sgd, 0.5, total_steps=61)` moves momentum to these.
  @Test func oneCycleMovesMomentum() throws {
    let schedule = try schedule("one-cycle", base: 0.5, total: 61)
    let expected = [
      0: 0.95, 5: 0.9307671714, 10: 0.8878647534, 17: 0.8500741793, 18: 0.8500662955,
      30: 0.8702843308, 45: 0.9225190646, 60: 0.95,
    ]
    for (step, momentum) in expected {
      #expect(abs((schedule.momentum(at: step) ?? 0) - momentum) < 1e-9, "step \(step)")
    }
    #expect(try self.schedule("one-cycle:momentum=false", total: 61).momentum(at: 5) == nil)
    #expect(try self.schedule("cosine", total: 61).momentum(at: 5) == nil)
    let linear = try self.schedule("one-cycle:linear=true,pct=0.5,div=4", total: 22)
    #expect(abs(linear.rate(at: 5) - 0.0625) < 1e-15 && linear.rate(at: 10) == 0.1)
  }

  /// Each piece sees its own t and T.
  @Test func sequences() throws {
    let sequence = try schedule(
      "constant:for=10%;linear:start=1,end=0.5,for=2ep;cosine:min=0.01", warmup: "5st",
      stepsPerEpoch: 10, total: 100)
    let linear = try schedule("linear:end=0.5", total: 20)
    let cosine = try schedule("cosine:min=0.01", total: 65)
    for step in 0..<120 {
      let expected =
        switch step {
        case ..<5: 0.1 * Double(step + 1) / 5
        case ..<15: 0.1
        case ..<35: linear.rate(at: step - 15)
        default: cosine.rate(at: step - 35)
        }
      #expect(sequence.rate(at: step) == expected, "step \(step)")
    }
  }

  static let badTexts = [
    "", "cosin", ";", "cosine;", "constant;cosine", "constant:for=0;cosine", "constant:for=5",
    "constant:for=100;cosine", "constant:for=60;linear:for=40;cosine", "constant:for=x;cosine",
    "reduce-on-plateau:for=5;cosine", "cosine:", "cosine:min", "cosine:min=x", "cosine:min=-1",
    "cosine:min=0.2", "cyclic:up=5,min=2", "reduce-on-plateau:min=0.11",
    "cosine:min=nan", "cosine:max=1", "cosine:min=0,min=0", "cosine:unit=day", "linear:end=-1",
    "linear:end=inf", "linear:start=-1", "exponential:gamma=0", "exponential:gamma=1.1",
    "exponential-decay:rate=-1", "step", "step:size=0", "step:size=5,gamma=0", "multistep",
    "multistep:at=", "multistep:at=5+5", "multistep:at=5+4", "multistep:at=0", "multistep:at=1+nan",
    "polynomial:power=0", "polynomial:power=nan", "inverse-time:rate=-0.1",
    "inverse-time:rate=inf", "inverse-sqrt", "inverse-sqrt:warmup=0", "cosine-warm-restarts",
    "cosine-warm-restarts:t0=0", "cosine-warm-restarts:t0=8xy", "cosine-warm-restarts:t0=-8st",
    "cosine-warm-restarts:t0=8st,mult=0.5", "cosine-warm-restarts:t0=0ep",
    "exponential-warm-restarts:gamma=0.5", "exponential-warm-restarts:period=nan",
    "exponential-warm-restarts:period=8,gamma=2", "one-cycle:pct=1.1", "one-cycle:div=0",
    "one-cycle:final-div=0.5", "one-cycle:low-momentum=1", "one-cycle:high-momentum=-0.1",
    "one-cycle:momentum=yes", "one-cycle:linear=1", "cyclic", "cyclic:up=0", "cyclic:up=5,down=0",
    "cyclic:up=5,min=-1", "wsd:decay=0", "wsd:end=2", "reduce-on-plateau:factor=1",
    "reduce-on-plateau:factor=0", "reduce-on-plateau:patience=-1",
    "reduce-on-plateau:patience=1.5", "reduce-on-plateau:threshold=-1",
    "reduce-on-plateau:cooldown=-1", "reduce-on-plateau:min=nan", "constant:gamma=1",
  ]

  @Test(arguments: badTexts) func refusesBadText(_ text: String) {
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

  private func schedule(_ test: ScheduleCase) throws -> Schedule {
    try schedule(
      test.text, base: test.base, warmup: test.warmup == 0 ? nil : "\(test.warmup)st",
      total: test.total)
  }

  private func schedule(
    _ text: String, base: Double = 0.1, warmup: String? = nil, stepsPerEpoch: Int = 10, total: Int
  ) throws -> Schedule {
    try Schedule(
      parsing: text, baseRate: base, warmup: warmup, stepsPerEpoch: stepsPerEpoch,
      totalSteps: total)
  }
}
