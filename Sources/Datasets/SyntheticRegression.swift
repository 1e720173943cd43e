import Basics

/// Generated rows: x ~ N(0, 1), y = x·w + 0.1·noise with w ~ N(0, 1)/√features.
///
/// Every number is a function of its row and column alone, so shares need nothing from each other.
struct SyntheticRegression: PartReader {
  let name: String
  let hasTargets: Bool
  let features: Int
  let samples: Int

  /// Parses `synthetic-regression[:features=F,samples=N]`. Throws `Failure.usage`.
  init(_ spec: String, hasTargets: Bool) throws {
    name = spec
    self.hasTargets = hasTargets
    var options = try NamedOptions(parsing: spec, option: "data")
    features = try options.count("features", default: 64, in: 1...Int.max)
    samples = try options.count("samples", default: 200_000, in: 1...Int.max)
    try options.finish()
    guard Shape.checkedCount([features, samples, 64]) != nil else {
      throw Failure.usage(
        "\(options.title): \(samples) samples of \(features) features are more than memory can address",
        remedy: "Take fewer, as in synthetic-regression:features=64,samples=200000.")
    }
  }

  func describe(like reference: DatasetDescription?) throws -> DatasetDescription {
    DatasetDescription(
      name: name, featureShape: [features], featureType: .float32, target: .values(width: 1),
      targetName: "y", hasTargets: hasTargets, rows: [.train: samples], sourceBytes: 0)
  }

  func tasks(_ description: DatasetDescription, _ memory: PartMemory) throws -> [DecodeTask] {
    let task = DecodeTask(
      byteCount: samples * features * 4, rows: samples, isSplittable: true
    ) { rows in
      let weights = (0..<features).map { Double(random(0).normal(UInt64($0))) }
      let scale = 1 / Double(features).squareRoot()
      var output = memory.features.assumingMemoryBound(to: Float.self)
      output += rows.lowerBound * features
      for row in rows {
        let numbers = random(UInt64(row) + 1)
        var sum = 0.0
        for column in 0..<features {
          let value = numbers.normal(UInt64(column))
          output[column] = value
          sum += Double(value) * weights[column]
        }
        output += features
        guard description.hasTargets else { continue }
        let noise = Double(numbers.normal(UInt64(features)))
        memory.targets.storeBytes(
          of: Float(sum * scale + 0.1 * noise), toByteOffset: 4 * row, as: Float.self)
      }
    }
    return [task]
  }

  /// Stream 0 holds the weights, stream r + 1 row r: its features, then its noise.
  private func random(_ stream: UInt64) -> Philox {
    Philox(seed: 0, purpose: .syntheticData, stream: stream)
  }
}
