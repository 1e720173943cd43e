package import DataParallel
package import Datasets
package import Graph
package import Optimizers
package import Reports

/// Everything a run is asked to do, from flags, a configuration file or a resumed checkpoint.
///
/// nil means: decided from the data (see `resolved`). Each option is parsed, checked and printed by
/// its `Setting`, so that a flag and a key of the file cannot differ.
package struct RunConfiguration: Sendable, Equatable {
  // Data
  package var data = "digits"
  package var target: String?
  package var task: DataTask?
  package var tokenizer = TextDescription.Tokenizer.char
  package var validationData: String?
  package var testData: String?
  package var validationFraction = 0.1
  package var standardize = false
  package var noShuffle = false
  package var dropLast = false

  // Model
  package var model: String?
  package var initialization: WeightInitialization?
  package var initWeights: String?
  /// Whether their names do not count, only their order and shapes.
  package var initOrder = false

  // Optimization
  package var batchSize = BatchSize.samples(64)
  package var accumulate = 1
  package var epochs: Int?
  package var steps: Int?
  package var optimizer: String?
  package var learningRate: Double?
  package var hyperParameters = HyperParameters()
  package var decayExclude: Set<Parameter.Role> = []
  package var parameterGroups: [ParameterGroup] = []
  /// Patterns of names.
  package var freeze: [String] = []
  package var l1 = 0.0
  package var l2 = 0.0
  package var elasticNet: [Double]?
  package var schedule = "constant"
  package var warmup: String?
  package var clipping = Clipping()
  /// Of each row of a weight.
  package var maxNorm: Double?
  /// η of the noise's variance η/(1 + t)^0.55.
  package var gradientNoise: Double?
  /// Whether a running mean of the parameters is kept beside them.
  package var averages = false
  package var averageDecay = 0.999
  package var loss: String?
  package var labelSmoothing = 0.0
  package var classWeights: [Double]?
  package var precision = Precision.float32
  package var seed: UInt64 = 0
  package var maxSkipped = 10

  // Run
  package var run: String?
  package var resume: String?
  package var stopAfter: Int?
  /// As written; see `JobEnd`.
  package var timeLimit: String?
  package var checkpointEvery = "1ep"
  package var keep = 3
  package var keepBest = 1
  package var keepEvery: String?
  package var checkpointMode = CheckpointMode.async
  package var earlyStopping = false
  package var patience = 3
  package var minDelta = 0.0
  package var startFrom: String?
  package var stoppingThreshold: Double?
  package var divergenceThreshold: Double?
  package var monitor = Monitor.valLoss
  package var restoreBest = true
  package var logEvery = 50
  package var evalEvery = "1ep"
  package var evalBatch: Int?
  package var progress = Console.Mode.auto
  package var quiet = false

  // Distribution
  package var logicalRanks: LogicalRanks?
  package var threads: Int?
  package var reduction = GradientReducer.Mode.canonical
  package var compress = Compression.none
  /// Steps that each host trains alone between two outer steps; 1: every step is of all hosts.
  package var localSteps = 1
  package var outerLearningRate = 0.7
  package var outerMomentum = 0.9
  package var bucketMebibytes = RankGroup.bucketMebibytes
  package var hangTimeout: Double?
  package var expectRanks: Int?

  package init() {}

  /// Samples an evaluation takes at once.
  package var evaluationChunk: Int { evalBatch ?? 256 }

  package enum BatchSize: Sendable, Equatable, CustomStringConvertible {
    case samples(Int)
    /// Batch gradient descent: every training sample each step.
    case full

    package var description: String {
      switch self {
      case .samples(let count): "\(count)"
      case .full: "full"
      }
    }
  }

  /// Whether training goes on while a checkpoint is written, for the price of a second copy of
  /// parameters and optimizer state in memory.
  package enum CheckpointMode: String, Sendable, CaseIterable { case async, sync }

  /// V leaves in groups of M.
  package struct LogicalRanks: Sendable, Equatable, CustomStringConvertible {
    package var count: Int
    package var groupSize: Int

    package var description: String {
      groupSize == count ? "\(count)" : "\(count / groupSize)x\(groupSize)"
    }
  }

  /// What decides about the best checkpoint and early stopping.
  package enum Monitor: String, Sendable, CaseIterable {
    case valLoss = "val-loss"
    case valAccuracy = "val-accuracy"

    package var isBetterWhenHigher: Bool { self == .valAccuracy }
  }

  /// All penalties together.
  package var penalty: Penalty {
    let net = elasticNet.map { Penalty.elasticNet(lambda: $0[0], alpha: $0[1]) } ?? Penalty()
    return Penalty(l1: l1, l2: l2) + net
  }
}
