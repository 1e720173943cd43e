import Datasets
import Optimizers

/// Settings that do nothing without another one, beside another one, or with some data.
///
/// A value that is not the default was meant to do something: it is refused, not ignored.
struct IdleSettings {
  let names: [String]
  /// Whether they do something.
  let areUsed: (RunConfiguration, DatasetDescription) -> Bool
  let problem: String
  let remedy: String

  static var all: [IdleSettings] {
    [
      IdleSettings(
        names: [
          "patience", "min-delta", "start-from", "stopping-threshold", "divergence-threshold",
          "no-restore-best",
        ], areUsed: { configuration, _ in configuration.earlyStopping },
        problem: "the run does not stop early", remedy: "Add --early-stopping, or leave it out."),
      IdleSettings(
        names: ["ema-decay"], areUsed: { configuration, _ in configuration.averages },
        problem: "no running mean is kept", remedy: "Add --ema, or leave it out."),
      IdleSettings(
        names: ["outer-lr", "outer-momentum"],
        areUsed: { configuration, _ in configuration.localSteps > 1 },
        problem: "the run takes no outer steps",
        remedy: "Add --local-steps of 2 or more, or leave it out."),
      IdleSettings(
        names: ["val-fraction"],
        areUsed: { configuration, _ in
          configuration.validationData == nil || configuration.validationFraction == 0
        },
        problem: "not together with val-data, which is validated on",
        remedy: "Give one of the two."),
      IdleSettings(
        names: ["eval-every", "keep-best", "monitor"],
        areUsed: { $0.hasValidation(in: $1) },
        problem: "there is no validation data",
        remedy: "Set --val-fraction or --val-data, or leave it out."),
      IdleSettings(
        names: ["eval-batch"],
        areUsed: { $0.hasValidation(in: $1) || $1.rows[.test] ?? 0 > 0 },
        problem: "there is no validation or test data",
        remedy: "Set --val-fraction, --val-data or --test-data, or leave it out."),
      IdleSettings(
        names: ["decay-exclude"],
        areUsed: { configuration, description in
          var filled = configuration
          filled.chooseDefaults(for: description)
          let rule = try? OptimizerRegistry.make(
            filled.optimizer ?? "adam", filled.hyperParameters)
          return rule?.weightDecay != 0
        },
        problem: "the optimizer has no weight decay",
        remedy: "Set --weight-decay, or leave it out."),
      IdleSettings(
        names: ["init"], areUsed: { configuration, _ in configuration.initWeights == nil },
        problem: "not together with init-weights, which sets every weight",
        remedy: "Give one of the two."),
      IdleSettings(
        names: ["init-order"], areUsed: { configuration, _ in configuration.initWeights != nil },
        problem: "there are no weights to order", remedy: "Name a file with --init-weights."),
      IdleSettings(
        names: ["tokenizer"], areUsed: { _, description in description.text != nil },
        problem: "the data is no text", remedy: "Leave it out."),
      IdleSettings(
        names: ["target"],
        areUsed: { configuration, _ in
          [configuration.data, configuration.validationData, configuration.testData]
            .contains { $0.map(DataOptions.isTable) ?? false }
        },
        problem: "the data is no CSV table, whose columns have names",
        remedy: "Leave it out."),
    ]
  }
}

extension RunConfiguration {
  /// A share that cannot be taken is refused where it is.
  fileprivate func hasValidation(in description: DatasetDescription) -> Bool {
    (try? split(description).validationCount) != 0
  }
}
