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

  /// - Throws: `Failure.badData` with the line's number.
  package init(run: String) throws {
    let path = RunFolder(run).metrics
    let text = try readTextFile(path)
    lines = try text.split(separator: "\n").enumerated().map { number, line in
      do { return try JSONDecoder().decode(Line.self, from: Data(line.utf8)) } catch {
        throw Failure.badData("\(path), line \(number + 1): not an object of a run's metrics")
      }
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
