import ArgumentParser
import Basics
import Training

/// The options of `train`. Each is read by the setting of the same name (`Setting`), from here or
/// from the file given with `--config`; nothing is parsed twice.
struct TrainOptions: ParsableArguments {
  @Option(help: ArgumentHelp("A YAML file of options, one key each; flags win.", valueName: "file"))
  var config: String?

  // Data
  @Option(
    help: ArgumentHelp(
      """
      digits (default), fashion-mnist, diabetes, synthetic-regression:features=64,samples=200000, \
      bible, text.txt, a folder of IDX files, x.npy,y.npy, or table.csv.
      """, valueName: "name|path"))
  var data: String?
  @Option(
    help: ArgumentHelp(
      "The CSV's column to predict: numbers or class names.",
      valueName: "column"))
  var target: String?
  @Option(
    help: """
      classification, regression, language-model or masked-language-model; inferred from the \
      targets or the model.
      """)
  var task: String?
  @Option(help: "How a text becomes tokens: char (default) or byte.")
  var tokenizer: String?
  @Option(help: ArgumentHelp("Validation data of its own.", valueName: "path"))
  var valData: String?
  @Option(
    help: ArgumentHelp(
      "Test data: evaluated once at the end, never used for a decision.",
      valueName: "path"))
  var testData: String?
  @Option(help: "Share of the training data kept for validation (default 0.1).")
  var valFraction: String?
  @Flag(help: "Standardize features by the training split's mean and deviation.")
  var standardize = false
  @Flag(help: "Take samples in the data's order.")
  var noShuffle = false
  @Flag(help: "Drop the last, short batch of an epoch.")
  var dropLast = false

  // Model
  @Option(
    help: ArgumentHelp(
      """
      linear, perceptron, logistic, mlp:128,64, cnn, resnet:20, inception, rnn|lstm|gru:128, \
      gpt|bert:layers=4,heads=4,width=128,context=64 or a model FILE.yaml.
      """, valueName: "name|file")
  )
  var model: String?
  @Option(help: "Start of the weights: he, xavier, lecun or normal (default: each layer's own).")
  var `init`: String?
  @Option(help: ArgumentHelp("Initial weights by name.", valueName: "file.safetensors"))
  var initWeights: String?
  @Flag(help: "Take --init-weights by the order of its layers: their names do not count.")
  var initOrder = false

  // Optimization
  @Option(help: "Samples an optimizer step over ALL ranks, or full (default 64).")
  var batchSize: String?
  @Option(help: "Cut each leaf into K consecutive ones: less memory, the same bits as V·K leaves.")
  var accumulate: String?
  @Option(help: "Passes over the training data (default 20 for digits, else 5).")
  var epochs: String?
  @Option(help: "Optimizer steps; wins over --epochs.")
  var steps: String?
  @Option(
    help: """
      sgd, momentum, nesterov, adagrad, adadelta, rmsprop, adam (default), amsgrad, adamw, adamax, \
      nadam, radam, rprop, lion, lamb or lars.
      """)
  var optimizer: String?
  @Option(help: "Learning rate (default: the optimizer's own).")
  var lr: String?
  @Option(help: "Momentum of sgd (0), momentum, nesterov, lars (0.9) and rmsprop (0).")
  var momentum: String?
  @Option(help: "Dampening of sgd and momentum.")
  var dampening: String?
  @Option(
    help: ArgumentHelp("β₁,β₂ of Adam's kind (0.9,0.999) and lion (0.9,0.99).", valueName: "a,b"))
  var betas: String?
  @Option(help: "ε, outside the root but for adadelta's (default: the optimizer's own).")
  var eps: String?
  @Option(help: "rmsprop's smoothing constant (0.99).")
  var alpha: String?
  @Option(help: "adadelta's smoothing constant (0.9).")
  var rho: String?
  @Flag(help: "Center rmsprop by the gradient's mean.")
  var centered = false
  @Flag(help: "Keep adam's and adamw's largest second moment.")
  var amsgrad = false
  @Option(help: ArgumentHelp("rprop's factors of the step size (0.5,1.2).", valueName: "η⁻,η⁺"))
  var etas: String?
  @Option(help: ArgumentHelp("Limits of rprop's step size (1e-6,50).", valueName: "a,b"))
  var stepSizes: String?
  @Option(help: "adagrad's fall of the rate a step (0).")
  var lrDecay: String?
  @Option(help: "adagrad's first sum of squares (0).")
  var initialAccumulator: String?
  @Option(help: "nadam's ψ (0.004).")
  var momentumDecay: String?
  @Option(help: "lars's η (0.001).")
  var trustCoefficient: String?
  @Option(
    help:
      "Weight decay: decoupled for adamw (0.01) and lion (0), added to the gradient elsewhere (0).")
  var weightDecay: String?
  @Option(help: ArgumentHelp("Parameters without weight decay.", valueName: "bias,norm"))
  var decayExclude: String?
  @Option(
    help: ArgumentHelp(
      "A rate factor or decay of their own for parameters by name; repeatable.",
      valueName: "pattern:lr-factor=f,weight-decay=λ,freeze=true"))
  var paramGroup: [String] = []
  @Option(help: ArgumentHelp("Parameters that stay as they are; repeatable.", valueName: "pattern"))
  var freeze: [String] = []
  @Option(help: ArgumentHelp("Add λ·Σ|θ| to the loss (weights only).", valueName: "λ"))
  var l1: String?
  @Option(help: ArgumentHelp("Add λ/2·Σθ² to the loss (weights only).", valueName: "λ"))
  var l2: String?
  @Option(help: ArgumentHelp("Add λ·(α·Σ|θ| + (1−α)/2·Σθ²) to the loss.", valueName: "λ,α"))
  var elasticNet: String?
  @Option(
    help: ArgumentHelp(
      """
      constant, linear:start=1,end=0, exponential:gamma=0.95, exponential-decay:rate=0.01, \
      step:size=30ep,gamma=0.1, multistep:at=30ep+60ep,gamma=0.1, polynomial:power=1, \
      inverse-time:rate=0.01, inverse-sqrt:warmup=100st, cosine:min=RATE, \
      cosine-warm-restarts:t0=100st,mult=1,min=RATE, exponential-warm-restarts:period=100st,gamma=0.95, \
      one-cycle:pct=0.3,div=25,final-div=1e4 (momentum moves too), cyclic:up=100st,down=100st,min=RATE, \
      wsd:decay=20%,end=0, reduce-on-plateau:factor=0.1,patience=10,threshold=1e-4,cooldown=0,min=RATE; \
      RATE is 0 by default and at most --lr. unit=epoch counts epochs. A sequence: 'constant:for=10ep;cosine'.
      """, valueName: "name[:key=value,…]"))
  var schedule: String?
  @Option(
    help: ArgumentHelp(
      "Linear warm-up in front of the schedule.",
      valueName: "100st|5ep|10%"))
  var warmup: String?
  @Option(help: "Clip the mean gradient's 2-norm over all parameters.")
  var clipNorm: String?
  @Option(help: "Clip each element of the mean gradient.")
  var clipValue: String?
  @Option(
    help: "Clip each unit's gradient to this share of its parameters' norm (arXiv 2102.06171).")
  var clipAgc: String?
  @Option(help: "Hold the weights into each unit to this 2-norm.")
  var maxNorm: String?
  @Option(help: "Add N(0, η/(1+t)^0.55) to the gradient (off).")
  var gradientNoise: String?
  @Flag(help: "Keep, evaluate and save a running mean of the weights.")
  var ema = false
  @Option(help: "Decay of that mean (default 0.999).")
  var emaDecay: String?
  @Option(
    help: ArgumentHelp(
      """
      cross-entropy, hinge:margin=1, kl, bce, mse, half-mse, mae, huber:delta=1 or \
      smooth-l1:beta=1; inferred from the targets. Losses of values see classes as one-hot values, \
      cross-entropy and kl see values as probabilities.
      """, valueName: "name[:key=value]"))
  var loss: String?
  @Option(help: "cross-entropy: the share of the target spread over all classes (default 0).")
  var labelSmoothing: String?
  @Option(
    help: ArgumentHelp(
      "cross-entropy: a weight a class, in the order of the classes.", valueName: "w,w,…"))
  var classWeights: String?
  @Option(
    help: ArgumentHelp(
      """
      Of matrix products and convolutions: fp32 (default), bf16 (operands in bfloat16, sums, \
      weights and all else in float32) or bf16-emulated (the same on a CPU without it, slowly).
      """, valueName: "fp32|bf16|bf16-emulated"))
  var precision: String?
  @Option(help: "Seed of weights, split and order (default 0).")
  var seed: String?
  @Option(help: "Stop as diverged (76) after this many non-finite steps in a row (default 10).")
  var maxSkipped: String?

  // Run
  @Option(help: ArgumentHelp("The run's folder (default runs/MODEL-DATA-TIME).", valueName: "dir"))
  var run: String?
  @Option(
    help: ArgumentHelp(
      "Continue: with --run, or a run's or checkpoint's path.",
      valueName: "latest|best|auto|path"))
  var resume: String?
  @Option(help: "Save after step N of the whole run's schedule and leave with 75.")
  var stopAfter: String?
  @Option(
    help: ArgumentHelp(
      "Save and leave with 75 before this time is over; Slurm's end is known without.",
      valueName: "90s|30min|2h"))
  var timeLimit: String?
  @Option(help: ArgumentHelp("How often to save (default 1ep).", valueName: "500st|1ep|10min"))
  var checkpointEvery: String?
  @Option(help: "Last checkpoints to keep (default 3).")
  var keep: String?
  @Option(help: "Best checkpoints to keep beside them (default 1).")
  var keepBest: String?
  @Option(
    help: ArgumentHelp("Keep multiples of this for ever as well.", valueName: "5000st|10ep"))
  var keepEvery: String?
  @Option(
    help: ArgumentHelp(
      "async (default): training goes on while a copy is written; sync: less memory.",
      valueName: "async|sync"))
  var checkpointMode: String?
  @Flag(help: "Stop when the monitored figure no longer improves, and restore the best weights.")
  var earlyStopping = false
  @Option(help: "Checks without improvement before stopping (default 3).")
  var patience: String?
  @Option(help: "Least change that counts as an improvement (default 0).")
  var minDelta: String?
  @Option(
    help: ArgumentHelp(
      "Early stopping ignores checks before this (default 0st).", valueName: "100st|5ep|10%"))
  var startFrom: String?
  @Option(help: "Early stopping is content with a figure better than this.")
  var stoppingThreshold: String?
  @Option(help: "Early stopping gives up at a figure worse than this.")
  var divergenceThreshold: String?
  @Option(help: "val-loss (default) or val-accuracy.")
  var monitor: String?
  @Flag(help: "Keep the last weights after early stopping.")
  var noRestoreBest = false
  @Option(help: "Steps between lines of metrics.jsonl (default 50).")
  var logEvery: String?
  @Option(help: ArgumentHelp("How often to evaluate (default 1ep).", valueName: "500st|1ep"))
  var evalEvery: String?
  @Option(help: "Samples of a fixed evaluation chunk (default 256).")
  var evalBatch: String?
  @Option(help: ArgumentHelp("The progress line.", valueName: "auto|on|off"))
  var progress: String?
  @Flag(help: "Print nothing but warnings and errors.")
  var quiet = false

  // Distribution
  @Option(
    help: ArgumentHelp(
      "Leaves of the canonical tree (default: one a rank); equal V, equal bits on any ranks.",
      valueName: "V|GxM"))
  var logicalRanks: String?
  @Option(
    help: """
      Threads a rank (default: its unshared cores, at most one for each 50 MFLOP of its share of \
      a step).
      """)
  var threads: String?
  @Option(
    help: ArgumentHelp(
      "Who adds gradients of several hosts: a fixed tree (default), or MPI in an order of its own.",
      valueName: "canonical|fast"))
  var reduction: String?
  @Option(
    help: ArgumentHelp(
      """
      How gradients travel between hosts (PyTorch: communication hooks): none (default, float32), \
      bf16 or fp16 (half the bytes), or powersgd:rank=4 (matrices as two thin factors: PowerSGD, \
      arXiv 1905.13727). What is left out is added to the next step. The bits then depend on the \
      hosts. What is left out is no part of a checkpoint: every save drops it, so a resume ends in \
      the bits of a run that saved at the same steps.
      """, valueName: "none|bf16|fp16|powersgd[:rank=r]"))
  var compress: String?
  @Option(
    help: ArgumentHelp(
      """
      For slow links: each host trains alone for N steps on its own share of the batches; then \
      their mean change moves the parameters by an outer step (DiLoCo, arXiv 2311.08105). Default 1: \
      every step is of all hosts. The bits then depend on the hosts, the loss shown is the first \
      host's, and evaluations, checkpoints and stops wait for the next outer step.
      """, valueName: "n"))
  var localSteps: String?
  @Option(help: "Learning rate of outer steps (default 0.7); 1 without momentum: the hosts' mean.")
  var outerLr: String?
  @Option(help: "Nesterov momentum of outer steps (default 0.9).")
  var outerMomentum: String?
  @Option(help: "MiB of gradients that travel between hosts together (default 4).")
  var bucketMb: String?
  @Option(
    help:
      "Seconds without progress of a rank after which the job ends with 74 (default 120 or 100 steps)."
  )
  var hangTimeout: String?
  @Option(help: "Refuse to start with another number of ranks.")
  var expectRanks: String?

  /// Refuses options on the command line that `command`, which takes those of `train`, has no use
  /// for. A file may hold them: it may be a run's.
  /// - Throws: `Failure.usage`.
  func refuse(_ names: [String], by command: String) throws {
    let idle = names.filter { given[$0] != nil }
    if !idle.isEmpty {
      throw Failure.usage(
        "\(idle.joined(separator: ", ")): \(command) has no use for it", remedy: "Leave it out.")
    }
  }

  /// What was given on the command line, by setting name.
  ///
  /// Read from the declarations above, so that no option can be declared and then forgotten.
  var given: [String: String] {
    var result: [String: String] = [:]
    for child in Mirror(reflecting: self).children {
      guard let label = child.label?.drop(while: { $0 == "_" }), label != "config" else { continue }
      let name = label.reduce(into: "") { name, character in
        name += character.isUppercase ? "-" + character.lowercased() : String(character)
      }
      if let option = child.value as? Option<String?>, let value = option.wrappedValue {
        result[name] = value
      } else if let option = child.value as? Option<[String]>, !option.wrappedValue.isEmpty {
        result[name] = option.wrappedValue.joined(separator: Setting.named(name)?.separator ?? ",")
      } else if let flag = child.value as? Flag<Bool>, flag.wrappedValue {
        result[name] = "true"
      }
    }
    return result
  }
}
