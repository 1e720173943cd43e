import Basics
import CKernels
import DataParallel
import Datasets
import MPI

/// Whole numbers of an evaluation that are too many for a step: which class was taken for which,
/// and how often the label was among the k largest outputs.
package struct ClassReport: Sendable, Equatable {
  package let names: [String]
  /// Top-k: how many of the largest outputs count.
  package let k: Int
  /// `[target, prediction]`, row by row.
  package private(set) var counts: [Int]
  package private(set) var near = 0

  /// - Throws: `Failure.usage` where a matrix of these classes would be too large.
  package init(names: [String], k: Int) throws {
    guard names.count <= 4096 else {
      throw Failure.usage(
        "per-class: \(names.count) classes are too many for a table", remedy: "At most 4096.")
    }
    guard (1...max(1, names.count)).contains(k) else {
      throw Failure.usage(
        "top-k: \(k) of \(names.count) classes", remedy: "Expected 1 … \(names.count).")
    }
    self.names = names
    self.k = k
    counts = Array(repeating: 0, count: names.count * names.count)
  }

  init(of data: DatasetDescription, k: Int) throws {
    guard case .classes(let names) = data.target else {
      throw Failure.usage(
        "per-class, top-k, csv: the targets of \(data.name) are no classes",
        remedy: "Leave them out.")
    }
    try self.init(names: names, k: k)
  }

  /// Counts rows of outputs; negative labels do not count.
  package mutating func add(
    outputs: UnsafePointer<Float>, labels: UnsafePointer<Int32>, rows: Int
  ) {
    let classes = names.count
    near += ck_count_near(outputs, labels, rows, classes, k)
    for row in 0..<rows where labels[row] >= 0 && Int(labels[row]) < classes {
      var prediction: Int32 = 0
      ck_largest(outputs + row * classes, &prediction, 1, classes)
      counts[Int(labels[row]) * classes + Int(prediction)] += 1
    }
  }

  /// Adds up all ranks' counts: whole numbers, so the order does not matter. Collective.
  mutating func combine(over group: RankGroup) throws {
    try counts.withUnsafeMutableBufferPointer { try group.world.allreduce($0, .sum) }
    near = try group.world.allreduce(value: near, .sum)
  }

  /// Labels counted.
  package var total: Int { counts.reduce(0, +) }
  package var topK: Double { Double(near) / Double(max(1, total)) }

  package struct ClassFigures: Sendable, Equatable {
    package let name: String
    /// Labels of this class.
    package let count: Int
    /// True positives / all predicted as this class; 0 where none was.
    package let precision: Double
    /// True positives / labels of this class; 0 where there is none.
    package let recall: Double
    /// 2·precision·recall / (precision + recall).
    package let f1: Double
  }

  package var classes: [ClassFigures] {
    let n = names.count
    return names.enumerated().map { index, name in
      let hits = counts[index * n + index]
      let labels = counts[index * n..<(index + 1) * n].reduce(0, +)
      let predictions = (0..<n).reduce(0) { $0 + counts[$1 * n + index] }
      func share(_ whole: Int) -> Double { whole == 0 ? 0 : Double(hits) / Double(whole) }
      let both = labels + predictions
      return ClassFigures(
        name: name, count: labels, precision: share(predictions), recall: share(labels),
        f1: both == 0 ? 0 : 2 * Double(hits) / Double(both))
    }
  }

  /// Unweighted means over the classes.
  package var macro: ClassFigures {
    let all = classes
    func mean(_ value: (ClassFigures) -> Double) -> Double {
      all.reduce(0) { $0 + value($1) } / Double(max(1, all.count))
    }
    return ClassFigures(
      name: "macro mean", count: total, precision: mean(\.precision), recall: mean(\.recall),
      f1: mean(\.f1))
  }
}
