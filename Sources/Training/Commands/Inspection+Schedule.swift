import Basics
import Datasets
import Optimizers
import Reports

extension Inspection {
  /// The curve of the options' schedule before a run: its figures, drawn as text, and as a picture
  /// where `svg` names a file.
  package static func schedule(_ sources: ConfigurationSources, svg: String?) throws -> [String] {
    let asked = sources.configuration
    let description = try datasetSource(named: asked.data, options: asked.dataOptions()).describe()
    let trainCount = try asked.split(description).trainCount
    try sources.refuseIdle(for: description)
    let configuration = try sources.locating {
      try asked.resolved(for: description, trainCount: trainCount, worldSize: 1)
    }
    let schedule = try configuration.makeSchedule(trainCount: trainCount)
    let total = schedule.totalSteps
    // More than a screen can show; a very long run is drawn at every n-th step.
    let xStep = max(1, total / 100_000)
    let chart = LineChart(
      title: configuration.schedule
        + (configuration.warmup.map { ", warm-up \($0)" } ?? "")
        + ", \(Format.grouped(total)) steps",
      yLabel: "learning rate",
      series: [
        LineChart.Series(
          "rate", stride(from: 0, to: total, by: xStep).map(schedule.rate), xStep: xStep)
      ])
    if let svg { try chart.write(to: svg) }
    return chart.lines() + [""] + figures(schedule)
      + (schedule.plateau == nil
        ? [] : ["  the rate falls when the validation figure no longer improves"])
  }

  /// Rate and momentum where a piece starts or ends, and at the peak.
  private static func figures(_ schedule: Schedule) -> [String] {
    let last = schedule.totalSteps - 1
    let rates = (0...min(last, 1_000_000)).map(schedule.rate)
    let peak = rates.indices.max { rates[$0] < rates[$1] } ?? 0
    let ends = schedule.pieces.dropFirst().map { $0.start - 1 }
    let steps = Set([0, schedule.warmupSteps, peak, last] + ends + schedule.pieces.map(\.start))
    let movesMomentum = schedule.momentum(at: schedule.warmupSteps) != nil
    var table = Table()
    table.add(["step", "rate"] + (movesMomentum ? ["momentum"] : []))
    for step in steps.sorted() where (0...last).contains(step) {
      let momentum = schedule.momentum(at: step).map { [Format.short($0)] } ?? []
      table.add([Format.grouped(step), Format.short(schedule.rate(at: step))] + momentum)
    }
    return table.lines
  }
}
