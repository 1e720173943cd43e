/// One line of `bench zoo`: a model on real data, how it is trained, and what it is measured against.
package struct ZooRow: Sendable {
  package let name: String
  /// Options of `train` that say what is trained: `--data … --model …`.
  let subject: String
  /// Options of `train` for the training run.
  let recipe: String
  /// The batch over two ranks at which a step is timed, and the steps timed.
  let timing: (batch: Int, steps: Int)
  /// The workload's name in `Tests/Peers/torch_ddp.py`; nil where the peer has none.
  let peer: String?

  private init(
    _ name: String, _ subject: String, _ recipe: String, batch: Int, steps: Int,
    peer: String? = nil
  ) {
    self.name = name
    self.subject = subject
    self.recipe = recipe
    timing = (batch, steps)
    self.peer = peer
  }

  /// From the textbooks' first model to their last.
  package static let all: [ZooRow] = [
    ZooRow(
      "linear", "--data synthetic-regression:features=64,samples=200000 --model linear",
      "--optimizer sgd --lr 0.01 --batch-size 512 --epochs 5", batch: 512, steps: 3000,
      peer: "linear"),
    ZooRow(
      "perceptron", "--data digits --model perceptron", "--batch-size 1 --epochs 10", batch: 64,
      steps: 1000),
    ZooRow(
      "logistic", "--data fashion-mnist --model logistic", "--standardize --epochs 5", batch: 64,
      steps: 1000),
    ZooRow(
      "mlp", "--data fashion-mnist --model mlp:128", "--standardize --epochs 5", batch: 64,
      steps: 3000, peer: "mlp"),
    ZooRow(
      "mlp-wide", "--data fashion-mnist --model mlp:2048,2048",
      "--batch-size 256 --epochs 3 --schedule cosine", batch: 256, steps: 40, peer: "mlp-wide"),
    ZooRow(
      "cnn", "--data fashion-mnist --model cnn", "--batch-size 128 --epochs 5 --schedule cosine",
      batch: 128, steps: 40, peer: "cnn"),
    ZooRow(
      "resnet20", "--data fashion-mnist --model resnet:20",
      "--batch-size 128 --epochs 10 --schedule cosine", batch: 128, steps: 20, peer: "resnet20"),
    ZooRow(
      "inception", "--data fashion-mnist --model inception",
      "--standardize --init he --epochs 8 --schedule cosine", batch: 128, steps: 20),
    ZooRow(
      "rnn", "--data fashion-mnist --model rnn:128",
      "--batch-size 128 --epochs 5 --clip-norm 1 --schedule cosine", batch: 128, steps: 200),
    ZooRow(
      "lstm", "--data fashion-mnist --model lstm:128",
      "--epochs 10 --lr 2e-3 --clip-norm 1 --schedule cosine", batch: 128, steps: 200,
      peer: "lstm"),
    ZooRow(
      "gru", "--data fashion-mnist --model gru:128",
      "--epochs 8 --lr 2e-3 --clip-norm 1 --schedule cosine", batch: 128, steps: 200),
    ZooRow(
      "gpt", "--data bible --model gpt:layers=4,heads=4,width=128,context=64",
      "--batch-size 24 --steps 3000 --optimizer adamw --lr 1e-3 --betas 0.9,0.99 "
        + "--weight-decay 0.1 --warmup 100st --schedule cosine:min=1e-4 --clip-norm 1 "
        + "--eval-every 1000st", batch: 24, steps: 100, peer: "gpt-nano"),
    ZooRow(
      "gpt-small",
      "--data bible --tokenizer byte --model gpt:layers=6,heads=6,width=384,context=256", "",
      batch: 16, steps: 6, peer: "gpt-small"),
    ZooRow(
      "bert", "--data bible --model bert:layers=4,heads=4,width=128,context=64",
      "--batch-size 32 --steps 3000 --optimizer adamw --lr 1e-3 --warmup 100st "
        + "--schedule cosine --clip-norm 1 --eval-every 1000st", batch: 32, steps: 100),
  ]
}
