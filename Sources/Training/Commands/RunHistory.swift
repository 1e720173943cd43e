import Basics
import FoundationEssentials

/// What a run's `metrics.jsonl` says of it.
package struct RunHistory {
  package struct Line: Decodable {
    package let kind: String
    package let step: Int
    package let split: SplitName?
    /// As text where it is no finite number.
    package let loss: Double?
    package let accuracy: Double?
    package let seconds: Double?

    private enum Key: String, CodingKey {
      case kind, step, split, loss, accuracy
      case seconds = "wall_s"
    }

    package init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: Key.self)
      func number(_ key: Key) -> Double? { try? values.decodeIfPresent(Double.self, forKey: key) }
      kind = try values.decode(String.self, forKey: .kind)
      step = try values.decode(Int.self, forKey: .step)
      split = try values.decodeIfPresent(SplitName.self, forKey: .split)
      loss = number(.loss)
      accuracy = number(.accuracy)
      seconds = number(.seconds)
    }
  }

  private let lines: [Line]

  /// - Parameter warn: told of lines that are no objects of a run's metrics, which are left out. Of
  ///   a last line without an end it is not: the run may be writing it.
  /// - Throws: `Failure.badData` where there is no such file.
  package init(run: String, warn: (String) -> Void) throws {
    let path = RunFolder(run).metrics
    let text = try readTextFile(path)
    let whole = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    let found = whole.map { try? JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
    lines = found.compactMap { $0 }
    if let first = found.firstIndex(where: { $0 == nil }) {
      warn(
        "\(path): \(found.count - lines.count) line(s) are left out that are no objects of a run's "
          + "metrics; the first is line \(first + 1)")
    }
  }

  /// The whole run's seconds, once it has ended.
  package var seconds: Double? { lines.last { $0.kind == "end" }?.seconds }

  /// The last evaluation: the test set's where there is one.
  package var lastEvaluation: Line? { lines.last { $0.kind == "eval" } }

  /// Steps and their values where there is a finite one.
  package func points(
    _ value: KeyPath<Line, Double?>, kind: String, split: SplitName? = nil
  ) -> [(x: Int, y: Double)] {
    lines.compactMap { line in
      guard line.kind == kind, line.split == split, let y = line[keyPath: value] else { return nil }
      return (line.step, y)
    }
  }
}
