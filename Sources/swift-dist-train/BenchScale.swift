import ArgumentParser
import Basics
import DataParallel
import Training

struct BenchScale: ParsableCommand, RankCommand {
  static let configuration = CommandConfiguration(
    commandName: "scale",
    abstract: "Predict a step on any number of hosts from what one does.",
    discussion: """
      Takes the options of `train`, measures compute and update on this job's ranks, and predicts \
      a step where every host has as many and as large a batch. Run it on the ranks of one host, \
      with the network's figures as `check` on two hosts reports them: of an Ethernet's rate \
      some 94 % are payload. For hosts other than this one, give their times.
      """)

  @OptionGroup var options: TrainOptions
  @Option(help: "Gbit/s that a host sends and at once receives.")
  var bandwidth: Double
  @Option(help: "Microseconds that a small message takes between hosts.")
  var latency: Double
  @Option(help: "The largest number of hosts.")
  var hosts = 64
  @Option(help: "Milliseconds of a rank's forward and backward pass (default: measured).")
  var computeMs: Double?
  @Option(help: "Milliseconds of adding up and updating on one host (default: measured).")
  var updateMs: Double?
  @Option(help: ArgumentHelp("Also draws it.", valueName: "file.svg"))
  var svg: String?

  func validate() throws {
    guard bandwidth > 0, bandwidth.isFinite else {
      throw ValidationError("bandwidth: '\(bandwidth)' is not above 0 Gbit/s")
    }
    guard latency >= 0, latency.isFinite else {
      throw ValidationError("latency: '\(latency)' is not 0 or more microseconds")
    }
    for (name, value) in [("compute-ms", computeMs), ("update-ms", updateMs)] {
      if let value, !(value >= 0 && value.isFinite) {
        throw ValidationError("\(name): '\(value)' is not 0 or more milliseconds")
      }
    }
    guard (1...1_000_000).contains(hosts) else {
      throw ValidationError("hosts: '\(hosts)' is not from 1 to 1000000")
    }
  }

  func run(on group: RankGroup) throws -> Int32 {
    try group.agree {
      if group.nodeCount > 1 {
        throw Failure.usage(
          "bench scale: the job spans \(group.nodeCount) hosts",
          remedy: "Start it on the ranks of one.")
      }
    }
    let measured = try StepBenchmark(
      group: group, flags: options.given, configurationFile: options.config)
    try group.agree {
      if measured.localSteps > 1 {
        throw Failure.usage(
          "bench scale: with --local-steps hosts meet in one step of \(measured.localSteps)",
          remedy: "Predict without it: the exchange it spares is the difference to one host.")
      }
    }
    var model = ScaleModel(
      compute: computeMs.map { $0 / 1000 } ?? measured.compute,
      update: updateMs.map { $0 / 1000 } ?? max(0, measured.step - measured.compute),
      parameters: measured.parameters, bandwidth: bandwidth * 1e9 / 8, latency: latency * 1e-6)
    model.bucket = Double(measured.bucketMebibytes << 20)
    model.largestFinalPiece = measured.largestFinalPiece
    model.sums = measured.sums
    let picture = ScalePicture(model, upTo: hosts)
    try group.onFirst {
      print(measured.line)
      for line in picture.table { print(line) }
      if let svg { try picture.write(to: svg) }
    }
    return 0
  }
}
