import Basics
import FoundationEssentials
import TestSupport
import Testing
import Training

@Suite struct EarlyStoppingTests {
  struct Course: Sendable {
    let values: [Double]
    let verdicts: [EarlyStopping.Verdict]
    var isHigher = false
    var minDelta = 0.0
    var patience = 3
    var start = 0
    var goal: Double?
    var limit: Double?
    let best: (value: Double, step: Int)?
  }

  static let courses = [
    Course(values: [3, 2, 1], verdicts: [.improved, .improved, .improved], best: (1, 2)),
    Course(
      values: [3, 3, 4, 2, 2, 2, 2],
      verdicts: [.improved, .wait, .wait, .improved, .wait, .wait, .stop], best: (2, 3)),
    Course(values: [1, 1], verdicts: [.improved, .stop], patience: 1, best: (1, 0)),
    Course(
      values: [1, 0.95, 0.9, 0.89], verdicts: [.improved, .wait, .wait, .improved], minDelta: 0.1,
      best: (0.89, 3)),
    Course(
      values: [0.5, 0.6, 0.6, 0.65, 0.61], verdicts: [.improved, .improved, .wait, .wait, .stop],
      isHigher: true, minDelta: 0.05, best: (0.6, 1)),
    Course(values: [1, .nan], verdicts: [.improved, .stop], best: (1, 0)),
    Course(values: [.infinity], verdicts: [.stop], patience: 100, best: nil),
    Course(values: [-.infinity], verdicts: [.stop], best: nil),
    Course(
      values: [1, 2, 3, 4], verdicts: [.wait, .wait, .improved, .stop], patience: 1, start: 2,
      best: (3, 2)),
    Course(values: [.nan], verdicts: [.stop], start: 2, best: nil),
    Course(values: [3, 2, 1.9], verdicts: [.improved, .improved, .stop], goal: 2, best: (1.9, 2)),
    Course(values: [3, 4, 4.1], verdicts: [.improved, .wait, .stop], limit: 4, best: (3, 0)),
    Course(
      values: [0.5, 0.91], verdicts: [.improved, .stop], isHigher: true, goal: 0.9,
      best: (0.91, 1)),
    Course(
      values: [0.5, 0.05], verdicts: [.improved, .stop], isHigher: true, limit: 0.1,
      best: (0.5, 0)),
  ]

  @Test(arguments: courses.indices) func follows(_ index: Int) throws {
    let course = Self.courses[index]
    var settings = EarlyStopping.Settings()
    settings.isBetterWhenHigher = course.isHigher
    settings.minDelta = course.minDelta
    settings.patience = course.patience
    settings.startStep = course.start
    settings.goal = course.goal
    settings.limit = course.limit
    var stopping = EarlyStopping(settings)
    for (step, value) in course.values.enumerated() {
      // What a checkpoint stores is all there is to know.
      stopping = try JSONDecoder().decode(
        EarlyStopping.self, from: JSONEncoder().encode(stopping))
      #expect(stopping.observe(value, step: step) == course.verdicts[step], "check \(step)")
    }
    #expect(stopping.best == course.best?.value && stopping.bestStep == course.best?.step)
  }
}

@Suite struct CadenceTests {
  @Test(arguments: [("5st", 5), ("5", 5), ("2ep", 20), ("0.5ep", 5), ("0.01ep", 1)])
  func steps(_ text: String, _ expected: Int) throws {
    let cadence = try Cadence(text, option: "log-every", stepsPerEpoch: 10)
    let due = (1...40).filter { cadence.isDue(afterStep: $0, since: $0 - 1, secondsSinceLast: 1e9) }
    #expect(due == Array(stride(from: expected, through: 40, by: expected)))
  }

  /// Asked for every fourth step only.
  @Test func theNextChance() throws {
    let cadence = try Cadence("5st", option: "log-every", stepsPerEpoch: 10)
    let due = stride(from: 4, through: 40, by: 4).filter {
      cadence.isDue(afterStep: $0, since: $0 - 4, secondsSinceLast: 0)
    }
    #expect(due == [8, 12, 16, 20, 28, 32, 36, 40])
  }

  @Test func minutes() throws {
    let cadence = try Cadence("1.5min", option: "checkpoint-every", stepsPerEpoch: 10)
    #expect(!cadence.isDue(afterStep: 10, since: 9, secondsSinceLast: 89.9))
    #expect(cadence.isDue(afterStep: 3, since: 2, secondsSinceLast: 90))
  }

  @Test(arguments: [
    "", "st", "-1st", "0st", "0ep", "0min", "-1min", "10%", "nan", "nanmin", "1e10min", "ten",
    "1e13", "5 st",
  ])
  func refuses(_ text: String) {
    let failure = failure { _ = try Cadence(text, option: "log-every", stepsPerEpoch: 10) }
    #expect(failure?.kind == .usage && failure?.message.hasPrefix("log-every: '") == true)
  }

  @Test func hugeIsNotACrash() throws {
    let cadence = try Cadence("1e12ep", option: "log-every", stepsPerEpoch: .max)
    #expect(!cadence.isDue(afterStep: 1, since: 0, secondsSinceLast: 0))
  }
}
