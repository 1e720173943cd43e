import Basics
package import Datasets
import FoundationEssentials
package import Optimizers

/// `state.json`: everything of a run at one step that is not a tensor. It holds no time, host or
/// world size, so equal runs have equal checkpoints on any number of ranks.
package struct CheckpointState: Codable, Sendable {
  /// The version of this file's meaning.
  package var format = 1
  /// Steps taken (skipped ones too), epochs finished, samples seen.
  package var step: Int
  package var epoch: Int
  package var samples: Int
  /// The resolved configuration, option by option.
  package var settings: [String: String]
  package var dataset: DatasetDescription
  package var standardization: Standardization?
  package var stopping: EarlyStopping?
  /// What `reduce-on-plateau` has seen.
  package var plateau: ReduceOnPlateau.State?
  /// Non-finite steps skipped in a row.
  package var skipped: Int
  /// Updates made: steps without the skipped ones.
  package var updates: Int
  /// The losses of the last steps.
  package var spikes: LossSpikes
  /// What equal bits depend on beside the above.
  package var platform: Platform
  /// Checkpoints whose figures were best, best first, with their figures.
  package var best: [BestStep]
  /// The text of the model's YAML file, where it is one.
  package var modelFile: String?

  package struct BestStep: Codable, Sendable, Equatable {
    package var step: Int
    package var value: Double

    package init(step: Int, value: Double) {
      self.step = step
      self.value = value
    }
  }

  package func encoded() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return Array(try encoder.encode(self)) + [UInt8(ascii: "\n")]
  }

  /// - Throws: `Failure.badData` naming `path`.
  package init(decoding bytes: [UInt8], path: String) throws {
    do {
      self = try JSONDecoder().decode(CheckpointState.self, from: Data(bytes))
    } catch {
      throw Failure.badData(
        "\(path): not the state of a checkpoint: \(CheckpointState.describe(error))")
    }
    guard format == 1 else {
      throw Failure.badData(
        "\(path): format \(format), expected 1",
        remedy: "Use the program version that wrote this checkpoint.")
    }
    let keys = JSONKeys(bytes)
    if let key = keys.duplicate {
      throw Failure.badData("\(path): \(key.dropFirst()) stands twice")
    }
    // What this program does not know may be part of the arithmetic.
    if let key = try keys.paths.subtracting(JSONKeys(encoded()).paths).min() {
      throw Failure.badData(
        "\(path): \(key.dropFirst()) is unknown",
        remedy: "Use the program version that wrote this checkpoint.")
    }
    try checkNumbers(path)
  }

  private static func describe(_ error: any Error) -> String {
    func place(_ context: DecodingError.Context) -> String {
      context.codingPath.map(\.stringValue).joined(separator: "/")
    }
    switch error as? DecodingError {
    case .keyNotFound(let key, let context)?:
      return "no \((place(context) + "/" + key.stringValue).drop { $0 == "/" })"
    case .typeMismatch(_, let context)?, .valueNotFound(_, let context)?:
      return "\(place(context)) has another type"
    case .dataCorrupted(let context)? where !context.codingPath.isEmpty:
      return "\(place(context)): \(context.debugDescription)"
    default: return "no JSON that can be read"
    }
  }

  /// Numbers that could overflow or reach outside memory are refused here, once.
  private func checkNumbers(_ path: String) throws {
    let counts = [
      step, epoch, samples, skipped, updates, stopping?.badChecks ?? 0, stopping?.bestStep ?? 0,
    ]
    // A step trains on at most all rows.
    guard counts.allSatisfy({ (0...(1 << 50)).contains($0) }), updates <= step, epoch <= step,
      best.allSatisfy({ (0...step).contains($0.step) && $0.value.isFinite }),
      dataset.rows.values.allSatisfy({ Shape.checkedCount([step + 1, $0]) != nil })
    else { throw Failure.badData("\(path): a step, epoch or sample count is out of range") }
    guard spikes.isValid(at: step) else {
      throw Failure.badData("\(path): spikes: a loss or count is out of range")
    }
    guard plateau?.isValid != false else {
      throw Failure.badData("\(path): plateau: a rate or count is out of range")
    }
    guard let features = Shape.checkedCount(dataset.featureShape), features > 0 else {
      throw Failure.badData("\(path): the data's feature shape is not valid")
    }
    if let standardization {
      let numbers = standardization.mean + standardization.deviation
      guard standardization.mean.count == features, standardization.deviation.count == features,
        numbers.allSatisfy(\.isFinite), standardization.deviation.allSatisfy({ $0 > 0 })
      else {
        throw Failure.badData("\(path): the standardization does not fit \(features) features")
      }
    }
  }

  package init(
    step: Int, epoch: Int, samples: Int, settings: [String: String], dataset: DatasetDescription,
    standardization: Standardization?, stopping: EarlyStopping?,
    plateau: ReduceOnPlateau.State?, skipped: Int, updates: Int, spikes: LossSpikes,
    best: [BestStep], modelFile: String?
  ) {
    self.step = step
    self.epoch = epoch
    self.samples = samples
    self.settings = settings
    self.dataset = dataset
    self.standardization = standardization
    self.stopping = stopping
    self.plateau = plateau
    self.skipped = skipped
    self.updates = updates
    self.spikes = spikes
    self.best = best
    self.modelFile = modelFile
    platform = .current
  }

  /// Resolved in every run: one that is missing would be its default, and another arithmetic.
  private static let necessarySettings = [
    "data", "batch-size", "optimizer", "lr", "schedule", "seed", "logical-ranks", "threads",
  ]

  /// The configuration this state was saved with.
  package func configuration(origin: String) throws -> ConfigurationSources {
    if let name = Self.necessarySettings.first(where: { settings[$0] == nil }) {
      throw Failure.badData("\(origin): the state has no setting \(name)")
    }
    var sources = ConfigurationSources()
    for (name, value) in settings.sorted(by: { $0.key < $1.key })
    where Setting.named(name)?.isStored ?? true {
      do {
        try sources.apply(name, value, from: origin)
      } catch let failure as Failure {
        throw Failure.badData(failure.message, remedy: failure.remedy)
      }
    }
    return sources
  }
}
