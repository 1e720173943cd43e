import Basics

/// What a model predicts, where the data leaves a choice.
package enum DataTask: String, Codable, Sendable, CaseIterable {
  case classification
  case regression
  /// The next token of a text.
  case languageModel = "language-model"
  /// Hidden tokens of a text.
  case maskedLanguageModel = "masked-language-model"

  package var isText: Bool { self == .languageModel || self == .maskedLanguageModel }
}

/// What the user says about the data beside its name.
package struct DataOptions: Codable, Sendable {
  /// The target column of a table: its name, or its number counted from 0.
  package var target: String?
  /// Overrides what the target's type suggests.
  package var task: DataTask?
  /// How a text becomes tokens.
  package var tokenizer = TextDescription.Tokenizer.char
  /// Tokens of a window of a text.
  package var context = DataOptions.defaultContext
  package static let defaultContext = 64
  /// Rows to judge with at the end, in any accepted form.
  package var testData: String?
  /// Rows to choose by, instead of a share of the training rows.
  package var validationData: String?
  /// False where there is nothing to compare with: targets are then not read, even if there.
  package var requireTarget: Bool
  /// What a trained model was given: features and classes must fit it.
  package var expected: DatasetDescription?

  package init(
    target: String? = nil, task: DataTask? = nil, testData: String? = nil,
    validationData: String? = nil, requireTarget: Bool = true, expected: DatasetDescription? = nil
  ) {
    self.target = target
    self.task = task
    self.testData = testData
    self.validationData = validationData
    self.requireTarget = requireTarget
    self.expected = expected
  }

  /// Whether a `--data` argument names a table with columns.
  package static func isTable(_ spec: String) -> Bool {
    spec.hasSuffix(".csv") || spec.hasSuffix(".csv.gz")
  }
}

/// The source a `--data` argument names; files are opened only when it is described.
///
/// - Throws: `Failure.usage` for an unknown name or missing option, `Failure.badData` for a folder
///   without the files it should have.
package func datasetSource(named spec: String, options: DataOptions) throws -> any DatasetSource {
  var readers = try partReaders(named: spec, options)
  let extras = [DatasetPart.validation: options.validationData, .test: options.testData]
  for case (let part, let extra?) in extras {
    let found = try partReaders(named: extra, options)
    readers[part] = found[.train] ?? found[.test]
  }
  guard readers[.train] != nil || options.expected != nil else {
    throw Failure.badData(
      "\(spec): expected train-images and train-labels, found only t10k files",
      remedy: "Only a trained model can be given a test set alone.")
  }
  return PartedSource(name: spec, readers: readers, expected: options.expected)
}

private let fashionFolder = "/usr/share/datasets/fashion-mnist"

private let fashionNames = [
  "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag",
  "Ankle boot",
]

private func partReaders(
  named spec: String, _ options: DataOptions
) throws -> [DatasetPart: any PartReader] {
  switch spec {
  case "digits":
    return [.train: DigitsPart(hasTargets: options.requireTarget)]
  case "diabetes":
    let content = Content(name: "diabetes.csv", bytes: PackageResources.diabetes_csv)
    var own = options
    own.target = "progression"
    return [.train: CSVPart(content: content, options: own)]
  case "fashion-mnist":
    guard isDirectory(fashionFolder) else {
      throw Failure.badData(
        "\(fashionFolder): no such folder", remedy: "apt-get install dataset-fashion-mnist")
    }
    return try idxReaders(in: fashionFolder, classNames: fashionNames, options)
  case _ where spec.split(separator: ":").first == "synthetic-regression":
    return [.train: try SyntheticRegression(spec, hasTargets: options.requireTarget)]
  case _ where spec == "bible" || spec.hasSuffix(".txt"):
    if let task = options.task, !task.isText {
      throw Failure.usage(
        "\(spec): a text has no targets for \(task.rawValue)",
        remedy: "--task language-model or masked-language-model.")
    }
    let part = TextPart(
      name: spec, tokenizer: options.tokenizer, window: options.context,
      isMasked: options.task == .maskedLanguageModel)
    return [.train: part]
  case _ where spec.hasSuffix(".npz"):
    throw Failure.badData(
      "\(spec): expected single arrays, found an archive", remedy: "numpy.save x.npy and y.npy.")
  case _ where spec.hasSuffix(".npy"):
    return [.train: try ArrayPart(npy: spec, options)]
  case _ where DataOptions.isTable(spec):
    return [.train: CSVPart(content: Content(path: spec), options: options)]
  case _ where isDirectory(spec):
    return try idxReaders(in: spec, classNames: nil, options)
  case _ where spec.contains("/"):
    throw Failure.badData("\(spec): no such folder, and no file of a known kind")
  default:
    throw Failure.usage(
      "\(spec): neither a data set nor a file of a known kind",
      remedy: """
        Accepted: digits, diabetes, fashion-mnist, synthetic-regression:features=64,samples=200000,
        bible, text.txt, a folder of IDX files, x.npy,y.npy, or table.csv with --target COLUMN.
        """)
  }
}
