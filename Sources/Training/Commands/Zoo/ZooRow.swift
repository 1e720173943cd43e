import Graph

/// One line of `bench zoo`: a model on real data, how it is trained, and what it is measured against.
package struct ZooRow: Sendable {
  package let name: String
  /// Options of `train` that say what is trained: `--data … --model …`.
  private let subject: String
  /// Options of `train` that say how.
  private let recipe: String
  private let precision: Precision
  /// Samples a rank in a timed step, as many as the peer's processes take each, and the steps timed.
  let timing: (samples: Int, steps: Int)
  /// Whether it is trained to the recipe's end.
  let isTrained: Bool
  /// The workload in `Tests/Peers/torch_ddp.py` with its options; nil where the peer has none.
  let peer: String?

  private init(
    _ name: String, _ subject: String, _ recipe: String, precision: Precision = .float32,
    samples: Int, steps: Int, isTrained: Bool = true, peer: String? = nil
  ) {
    self.name = name
    self.subject = subject
    self.recipe = recipe
    self.precision = precision
    timing = (samples, steps)
    self.isTrained = isTrained
    self.peer = peer
  }

  /// The same in bfloat16, and the peer too.
  private var inBfloat16: ZooRow {
    ZooRow(
      name + "-bf16", subject, recipe, precision: .bfloat16, samples: timing.samples,
      steps: timing.steps, isTrained: isTrained, peer: peer.map { "\($0) --bf16" })
  }

  /// Options of `train`.
  var options: String { "\(subject) \(recipe) --precision \(precision.rawValue)" }

  /// Whether this CPU has the instructions it needs.
  package var runsHere: Bool { precision.isNative }

  private static let wideMLP = ZooRow(
    "mlp-wide", "--data fashion-mnist --model mlp:2048,2048",
    "--batch-size 256 --epochs 3 --schedule cosine", samples: 128, steps: 40, peer: "mlp-wide")

  /// Its bits are compared over one sample a leaf: its steps take seconds.
  private static let smallGPT = ZooRow(
    "gpt-small",
    "--data bible --tokenizer byte --model gpt:layers=6,heads=6,width=384,context=256",
    "--batch-size 8", samples: 8, steps: 6, isTrained: false, peer: "gpt-small")

  /// From the textbooks' first model to their last.
  package static let all: [ZooRow] = [
    ZooRow(
      "linear", "--data synthetic-regression:features=64,samples=200000 --model linear",
      "--optimizer sgd --lr 0.01 --batch-size 512 --epochs 5", samples: 256, steps: 3000,
      peer: "linear"),
    ZooRow(
      "perceptron", "--data digits --model perceptron", "--batch-size 1 --epochs 10", samples: 32,
      steps: 1000),
    ZooRow(
      "logistic", "--data fashion-mnist --model logistic", "--standardize --epochs 5", samples: 32,
      steps: 1000),
    ZooRow(
      "mlp", "--data fashion-mnist --model mlp:128", "--standardize --epochs 5", samples: 32,
      steps: 3000, peer: "mlp"),
    wideMLP, wideMLP.inBfloat16,
    ZooRow(
      "cnn", "--data fashion-mnist --model cnn", "--batch-size 128 --epochs 5 --schedule cosine",
      samples: 64, steps: 40, peer: "cnn"),
    ZooRow(
      "resnet20", "--data fashion-mnist --model resnet:20",
      "--batch-size 128 --epochs 10 --schedule cosine", samples: 64, steps: 20, peer: "resnet20"),
    ZooRow(
      "inception", "--data fashion-mnist --model inception",
      "--standardize --init he --epochs 8 --schedule cosine", samples: 64, steps: 20),
    ZooRow(
      "rnn", "--data fashion-mnist --model rnn:128",
      "--batch-size 128 --epochs 5 --clip-norm 1 --schedule cosine", samples: 64, steps: 200),
    ZooRow(
      "lstm", "--data fashion-mnist --model lstm:128",
      "--epochs 10 --lr 2e-3 --clip-norm 1 --schedule cosine", samples: 64, steps: 200,
      peer: "lstm"),
    ZooRow(
      "gru", "--data fashion-mnist --model gru:128",
      "--epochs 8 --lr 2e-3 --clip-norm 1 --schedule cosine", samples: 64, steps: 200),
    ZooRow(
      "gpt", "--data bible --model gpt:layers=4,heads=4,width=128,context=64",
      "--batch-size 24 --steps 3000 --optimizer adamw --lr 1e-3 --betas 0.9,0.99 "
        + "--weight-decay 0.1 --warmup 100st --schedule cosine:min=1e-4 --clip-norm 1 "
        + "--eval-every 1000st", samples: 12, steps: 100, peer: "gpt-nano"),
    smallGPT, smallGPT.inBfloat16,
    ZooRow(
      "bert", "--data bible --model bert:layers=4,heads=4,width=128,context=64",
      "--batch-size 32 --steps 3000 --optimizer adamw --lr 1e-3 --warmup 100st "
        + "--schedule cosine --clip-norm 1 --eval-every 1000st", samples: 16, steps: 100),
  ]
}
