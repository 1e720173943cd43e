import Basics

extension ArrayPart {
  /// `x.npy,y.npy`, or `x.npy` alone where no targets are needed.
  ///
  /// - Throws: `Failure.usage`.
  init(npy spec: String, _ options: DataOptions) throws {
    let paths = spec.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    guard paths.count == 2 || paths.count == 1 && !options.requireTarget,
      paths.allSatisfy({ $0.hasSuffix(".npy") })
    else {
      throw Failure.usage(
        "\(spec): expected features and targets as two files", remedy: "--data x.npy,y.npy")
    }
    let files = paths.map { ArrayFile(content: Content(path: $0), format: .npy) }
    self.init(
      features: files[0], targets: options.requireTarget ? files[1] : nil, classNames: nil,
      task: options.task)
  }
}

/// The parts in a folder of IDX files: `train-*` and `t10k-*`, the latter for `test`.
///
/// - Throws: `Failure.badData` where images or labels are missing.
func idxReaders(
  in folder: String, classNames: [String]?, _ options: DataOptions
) throws -> [DatasetPart: any PartReader] {
  if options.task == .regression {
    throw Failure.usage("\(folder): IDX labels are classes", remedy: "Leave out --task.")
  }
  /// Plain files first: several processes can share one.
  func file(_ stem: String, axes: [Int]) -> ArrayFile? {
    let names = axes.flatMap { axes in
      ["-idx\(axes)-ubyte", ".idx\(axes)-ubyte"].map { "\(folder)/\(stem)\($0)" }
    }
    return (names + names.map { $0 + ".gz" }).first(where: exists).map {
      ArrayFile(content: Content(path: $0), format: .idx)
    }
  }
  var readers: [DatasetPart: any PartReader] = [:]
  for (part, prefix) in [(DatasetPart.train, "train"), (.test, "t10k")] {
    guard let images = file("\(prefix)-images", axes: [3, 4, 2]) else { continue }
    let labels = options.requireTarget ? file("\(prefix)-labels", axes: [1]) : nil
    guard labels != nil || !options.requireTarget else {
      throw Failure.badData(
        "\(folder): there is \(images.content.name) but no \(prefix)-labels-idx1-ubyte[.gz]")
    }
    readers[part] = IDXPart(
      arrays: ArrayPart(
        features: images, targets: labels, classNames: classNames, task: .classification))
  }
  guard !readers.isEmpty else {
    throw Failure.badData(
      "\(folder): expected train-images-idx3-ubyte[.gz] and train-labels-idx1-ubyte[.gz], "
        + "found neither")
  }
  return readers
}

/// Images with byte labels: an `ArrayPart` whose label file must really hold bytes.
private struct IDXPart: PartReader {
  let arrays: ArrayPart

  func describe(like reference: DatasetDescription?) throws -> DatasetDescription {
    if let labels = arrays.targets, try labels.header().type != .uint8 {
      throw Failure.badData("\(labels.content.name), byte 2: expected type 08, unsigned bytes")
    }
    return try arrays.describe(like: reference)
  }

  func tasks(_ description: DatasetDescription, _ memory: PartMemory) throws -> [DecodeTask] {
    try arrays.tasks(description, memory)
  }
}
