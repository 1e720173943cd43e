import Basics

extension Schedule {
  /// Reads `NAME[:key=value,…]`, or several of them in turn, separated by `;`, where all but the
  /// last say how long they are: `constant:for=10ep;cosine`. Each sees its own T, and t from 0.
  ///
  /// - Throws: `Failure.usage` naming the key, its value and its range.
  package init(
    parsing text: String, baseRate: Double, warmup: String?, stepsPerEpoch: Int, totalSteps: Int
  ) throws {
    let warmupSteps =
      try warmup.map {
        try RunLength($0, option: "warmup").steps(
          stepsPerEpoch: stepsPerEpoch, totalSteps: totalSteps)
      } ?? 0
    if warmupSteps > totalSteps {
      throw Failure.usage(
        "warmup: \(warmupSteps) steps are longer than the run of \(totalSteps)",
        remedy: "Shorten the warm-up or train longer.")
    }
    let texts = text.split(separator: ";", omittingEmptySubsequences: false)
    var pieces: [Piece] = []
    var start = warmupSteps
    for (index, text) in texts.enumerated() {
      var keys = try ScheduleKeys(
        NamedOptions(parsing: text, option: "schedule"), stepsPerEpoch: stepsPerEpoch,
        totalSteps: totalSteps, baseRate: baseRate)
      let shape = try Schedule.shape(&keys)
      let isLast = index == texts.count - 1
      let length = try keys.length()
      try keys.finish()
      guard isLast == (length == nil) else {
        throw Failure.usage(
          "\(keys.title): \(isLast ? "the last lasts to the end" : "needs for")",
          remedy: "Write for=DURATION in all schedules of a sequence but the last.")
      }
      pieces.append(
        Piece(
          shape: shape, start: start, length: length ?? max(0, totalSteps - start),
          stepsPerUnit: keys.stepsPerUnit))
      start += length ?? 0
      if start >= totalSteps && !isLast {
        throw Failure.usage(
          "\(keys.title): the sequence is at step \(start), the run ends at \(totalSteps)",
          remedy: "Shorten it or train longer.")
      }
    }
    if pieces.count > 1, pieces.contains(where: { $0.shape is ReduceOnPlateau }) {
      throw Failure.usage("schedule \(ReduceOnPlateau.name): cannot be part of a sequence")
    }
    self.init(
      baseRate: baseRate, warmupSteps: warmupSteps, totalSteps: totalSteps, pieces: pieces)
  }

  private static func shape(_ keys: inout ScheduleKeys) throws -> any ScheduleShape {
    let name = keys.name
    guard let shape = shapes.first(where: { $0.name == name }) else {
      throw Failure.usage(
        "schedule: '\(name)' is not known", remedy: "Schedules: \(names.joined(separator: ", ")).")
    }
    return try shape.init(&keys)
  }
}
