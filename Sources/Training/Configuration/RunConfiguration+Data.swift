import Basics
package import Datasets
import Glibc
package import Optimizers

extension RunConfiguration {
  /// What the user says about the data beside its name.
  /// - Parameters:
  ///   - requireTarget: false where there is nothing to compare with.
  ///   - expected: what a trained model was given: features and classes must fit it.
  ///   - modelFile: the text of the model's file where it is known.
  package func dataOptions(
    requireTarget: Bool = true, expected: DatasetDescription? = nil, modelFile: String? = nil
  ) throws -> DataOptions {
    var options = DataOptions(
      target: target, task: task, testData: testData, validationData: validationData,
      requireTarget: requireTarget, expected: expected)
    if let expected {
      options.setText(expected.text)
    } else {
      try options.readText(self, modelFile: modelFile)
    }
    return options
  }

  /// Makes sure that the data's files are there: a run remembers paths, and they may have moved.
  /// - Parameters:
  ///   - naming: the one option that can name another place; nil: each its own.
  ///   - origin: where an option's value came from.
  /// - Throws: `Failure.badData`.
  func requireDataFiles(naming: String? = nil, origin: (String) -> String?) throws {
    for (option, spec) in [("data", data), ("val-data", validationData), ("test-data", testData)] {
      guard let path = spec.flatMap(DataOptions.missingFile) else { continue }
      let place = getcwd(nil, 0).map { folder in
        defer { free(folder) }
        return "A relative path is looked up from \(String(cString: folder)). "
      }
      throw Failure.badData(
        "\(option): \(path): no such folder or file"
          + (origin(option).map { " (from \($0))" } ?? ""),
        remedy: (path.hasPrefix("/") ? "" : place ?? "")
          + "Name its place with --\(naming ?? option).")
    }
  }

  /// The rows to learn from and those held back to choose by: of a text the last part, else a keyed
  /// choice.
  package func split(_ description: DatasetDescription) throws -> DataSplit {
    try DataSplit(
      trainRows: description.rows[.train] ?? 0,
      explicitValidationRows: description.rows[.validation] ?? 0,
      validationFraction: validationFraction, seed: seed,
      shuffle: !noShuffle && description.text == nil)
  }

  /// The same with all rows of other data, and no split of its own.
  package func applied(to data: String) -> RunConfiguration {
    var result = self
    result.data = data
    result.testData = nil
    result.validationData = nil
    result.validationFraction = 0
    return result
  }

  /// The learning rate over the whole run.
  /// - Throws: `Failure.usage` for a schedule or warm-up that is not valid or does not fit.
  package func makeSchedule(trainCount: Int) throws -> Schedule {
    try Schedule(
      parsing: schedule, baseRate: learningRate ?? 1e-3, warmup: warmup,
      stepsPerEpoch: stepsPerEpoch(trainCount: trainCount),
      totalSteps: totalSteps(trainCount: trainCount))
  }
}
