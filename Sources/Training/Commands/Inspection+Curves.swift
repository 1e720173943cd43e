import Basics
import Glibc
import Logging
import Reports

extension Inspection {
  /// A run's loss, and the accuracy of its validation split where there is one, drawn as text; the
  /// losses as a picture too where `svg` names a file. Nothing where `path` is no run with steps.
  package static func curves(_ path: String, svg: String?) throws -> [String] {
    let hasHistory = access(RunFolder(path).metrics, F_OK) == 0
    let console = Console(mode: .off, isQuiet: false)
    let history =
      hasHistory
      ? try RunHistory(run: path, warn: { console.logger.warning("\($0)") }) : nil
    let losses = history?.points(\.loss, kind: "step") ?? []
    guard let history, !losses.isEmpty else {
      if svg != nil { throw Failure.badData("\(path): there is no run's metrics.jsonl to draw") }
      return []
    }
    let training = LineChart.Series("training", losses)
    let validation = history.points(\.loss, kind: "eval", split: .val)
    if let svg {
      let both =
        validation.isEmpty ? [training] : [training, LineChart.Series("validation", validation)]
      try LineChart(title: path, yLabel: "loss", series: both).write(to: svg)
    }
    var lines = [""] + LineChart(title: "training", yLabel: "loss", series: [training]).lines()
    let accuracies = history.points(\.accuracy, kind: "eval", split: .val)
    let (name, points) = accuracies.isEmpty ? ("loss", validation) : ("accuracy", accuracies)
    if points.count > 1 {
      lines +=
        [""]
        + LineChart(
          title: "validation", yLabel: name, series: [LineChart.Series("validation", points)],
          showsZero: false
        ).lines()
    }
    return lines
  }
}

extension LineChart {
  /// - Throws: `Failure.cannotWrite`.
  func write(to path: String) throws {
    var writer = try FileWriter(path: path)
    try writer.write(svg())
    try writer.finish()
  }
}
