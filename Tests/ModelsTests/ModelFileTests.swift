import Basics
import Graph
import Models
import TestSupport
import Testing

@Suite struct ModelFileTests {
  static let image = ModelContext(sampleShape: [1, 12, 12], outputs: 10)

  private func plan(_ text: String, _ context: ModelContext = image) throws -> PlanRun {
    let model = try ModelFile(path: "m.yaml", text: text).model(for: context)
    return try PlanRun(Shape([2] + context.sampleShape), .crossEntropy) { model($0) }
  }

  private func refusal(_ text: String, _ context: ModelContext = image) -> String {
    failure { _ = try plan(text, context) }?.message ?? "nothing was refused"
  }

  /// The same layers by file and by name: the same parameters in the same order, and the same
  /// numbers.
  @Test func cnnIsAFileToo() throws {
    let text = """
      input: [1, 12, 12]
      layers:
        - conv: {out: 8, kernel: 3}
        - relu
        - conv: {out: 16, kernel: 3}
        - relu
        - maxpool: 2
        - flatten
        - linear: 32
        - relu
        - linear: 10
      """
    let model = CNN(Self.image, channels: (8, 16), hidden: 32)
    let named = try PlanRun([2, 1, 12, 12], .crossEntropy) { model($0) }
    try expectSame(plan(text), named)
  }

  /// Nested lists: residuals with and without a shortcut, and a concatenation.
  @Test func nestedLayers() throws {
    let text = """
      layers:
        - conv: {out: 8, kernel: 3, padding: 1, bias: false}
        - batchnorm
        - relu
        - residual:
            body:
              - conv: {out: 16, kernel: 3, stride: 2, padding: 1, bias: false}
              - batchnorm: {momentum: 0.2, eps: 0.001}
              - relu
              - conv: {out: 16, kernel: 3, padding: 1, bias: false}
              - groupnorm: 4
            shortcut: [{conv: {out: 16, kernel: 1, stride: 2, bias: false}}, batchnorm]
        - relu
        - residual: {body: [{conv: {out: 16, kernel: 1}}]}
        - concat:
            - [{conv: {out: 4, kernel: 1}}, relu]
            - [{maxpool: {kernel: 3, stride: 1, padding: 1}}, {conv: {out: 6, kernel: 1}}]
        - global-avgpool
        - linear: 10
      """
    let run = try plan(text)
    let names = run.layout.entries.map(\.parameter).filter { $0.statistic == nil }.map(\.name)
    #expect(
      names == [
        "0.weight", "1.weight", "1.bias", "3.body.0.weight", "3.body.1.weight", "3.body.1.bias",
        "3.body.3.weight", "3.body.4.weight", "3.body.4.bias", "3.shortcut.0.weight",
        "3.shortcut.1.weight", "3.shortcut.1.bias", "5.body.0.weight", "5.body.0.bias",
        "6.0.0.weight", "6.0.0.bias", "6.1.1.weight", "6.1.1.bias", "8.weight", "8.bias",
      ])
    let statistics = run.layout.entries.compactMap(\.parameter.statistic)
    #expect(statistics.count == 6)
    #expect(statistics[0] == RunningStatistic(momentum: 0.1, valuesPerSample: 144))
    #expect(statistics[2] == RunningStatistic(momentum: 0.2, valuesPerSample: 36))
    for name in run.names { run[name] = randomValues(run[name].count, stream: stableHash(name)) }
    try run.run(randomValues(288, stream: 1), targets: [3, 9], takesClasses: true)
    #expect(!run.gradientArena.enumerated().contains { $0.element.isInfinite })
    #expect(run.plan.steps.first { $0.operation == "concat" }?.shape == [2, 10, 6, 6])
  }

  /// A residual network by file is the one by name but for the names of its parameters.
  @Test func resnetIsAFileToo() throws {
    let conv = { (out: Int, stride: Int) in
      "{conv: {out: \(out), kernel: 3, stride: \(stride), padding: 1, bias: false}}"
    }
    let block = { (out: Int, stride: Int, shortcut: String) in
      "{residual: {body: [\(conv(out, stride)), batchnorm, relu, \(conv(out, 1)), batchnorm]"
        + "\(shortcut)}}, relu"
    }
    let shortcut = ", shortcut: [{conv: {out: 16, kernel: 1, stride: 2, bias: false}}, batchnorm]"
    let file = try plan(
      "layers: [\(conv(8, 1)), batchnorm, relu, \(block(8, 1, "")), \(block(16, 2, shortcut)), "
        + "global-avgpool, {linear: 10}]")
    let model = ResNet(
      Self.image, stages: [.init(channels: 8, blocks: 1), .init(channels: 16, blocks: 1)])
    let named = try PlanRun([2, 1, 12, 12], .crossEntropy) { model($0) }
    #expect(
      file.layout.entries.map { [$0.offset] + $0.parameter.shape }
        == named.layout.entries.map { [$0.offset] + $0.parameter.shape })
    let x = randomValues(288, stream: 1)
    for run in [file, named] {
      for (index, name) in run.names.enumerated() {
        run[name] = randomValues(run[name].count, stream: UInt64(index), scale: 0.3)
      }
      try run.run(x, targets: [3, 9], takesClasses: true)
    }
    #expect(sameBits(file.output, named.output))
    for (a, b) in zip(file.names, named.names) {
      #expect(sameBits(file.gradient(a), named.gradient(b)), "\(b)")
    }
  }

  private func expectSame(_ file: PlanRun, _ named: PlanRun) throws {
    #expect(file.layout == named.layout)
    let x = randomValues(288, stream: 1)
    for run in [file, named] {
      for name in run.names { run[name] = randomValues(run[name].count, stream: stableHash(name)) }
      try run.run(x, targets: [3, 9], takesClasses: true)
    }
    #expect(sameBits(file.output, named.output))
    for name in named.names { #expect(sameBits(file.gradient(name), named.gradient(name))) }
  }

  @Test func everyKeyIsRead() throws {
    let text = """
      layers:
        - conv: {out: 4, kernel: 3, stride: 2, padding: 3, dilation: 2, groups: 1, bias: false, name: stem}
        - maxpool: {kernel: 3, stride: 1, padding: 1}
        - avgpool: {kernel: 2}
        - conv: {out: 8, kernel: 1, groups: 4}
        - leaky-relu: 0.2
        - global-avgpool
        - linear: {out: 10, bias: false}
      """
    let run = try plan(text)
    #expect(
      run.plan.steps.map { Array($0.shape.extents.dropFirst()) } == [
        [4, 7, 7], [4, 7, 7], [4, 3, 3], [8, 3, 3], [8, 3, 3], [8, 1, 1], [8], [10],
      ])
    let shapes = run.layout.entries.map(\.parameter).map { "\($0.name) \($0.shape)" }
    #expect(
      shapes == [
        "stem.weight [4, 1, 3, 3]", "3.weight [8, 1, 1, 1]", "3.bias [8]", "6.weight [10, 8]",
      ])
  }

  @Test func whatDoesNotFitIsNamed() {
    func layers(_ list: String) -> String { refusal("layers: [\(list)]") }
    #expect(
      layers("{conv: {out: 4, kernel: 3}}, {conv: {out: 4, kernel: 11}}")
        == "m.yaml, line 1: layer 1 (conv): a kernel reaching over 11 pixels does not fit input "
        + "[1, 4, 10, 10] with padding 0")
    #expect(
      layers("flatten, {conv: {out: 4, kernel: 3}}").hasSuffix(
        "layer 1 (conv): expected input [batch, 144, height, width], found [1, 144]"))
    #expect(
      layers("{conv: {out: 6, kernel: 3, groups: 4}}").hasSuffix(
        "1 channels in and 6 out do not divide into 4 groups"))
    #expect(layers("{conv: {out: 4}}").hasSuffix("layer 0 (conv): conv needs kernel"))
    #expect(
      layers("{conv: {out: 0, kernel: 3}}").contains("out must be a whole number from 1 to"))
    #expect(layers("{conv: {out: 4, kernel: -3}}").contains("found '-3'"))
    #expect(
      layers("{conv: {out: 4, kernel: 3, strides: 2}}").contains(
        "conv has no key 'strides'; it knows out, kernel, stride, padding"))
    #expect(layers("{maxpool: {kernel: 3, padding: 2}}").contains("half the kernel"))
    #expect(layers("{maxpool: 13}").contains("layer 0 (maxpool): a kernel of 13 does not fit"))
    #expect(layers("relu: 3").contains("relu takes no value"))
    #expect(layers("dence").contains("layer 0: unknown layer 'dence'"))
    #expect(
      layers("{linear: {out: 4, name: a}}, {linear: {out: 4, name: a}}").contains(
        "two layers are called 'a'"))
    #expect(layers("{linear: {out: 4, name: \"1\"}}, {linear: 4}").contains("called '1'"))
    #expect(
      layers("{residual: [{conv: {out: 2, kernel: 3}}]}").hasSuffix(
        "layer 0 (residual): cannot add [1, 2, 10, 10] and [1, 1, 12, 12]: shapes differ"))
    #expect(layers("{residual: {body: [relu, dance]}}").contains("layer 0.body.1: unknown layer"))
    #expect(
      layers("{concat: [[relu], [{maxpool: 2}]]}").contains(
        "branch 0 gives [1, 1, 12, 12], branch 1 [1, 1, 6, 6]"))
    // All of them are the file's fault; a list of layers helps with the name of one.
    for (list, remedy) in [
      ("dence", "Layers: linear, "), ("{maxpool: 13}", ""), ("{conv: {out: 4, kernel: -3}}", ""),
    ] {
      let failure = failure { _ = try plan("layers: [\(list)]") }
      #expect(failure?.kind == .badData, "\(list)")
      #expect(failure?.remedy.prefix(16) == remedy[...], "\(list)")
    }
    #expect(layers("{groupnorm: 3}").contains("1 channels do not divide into 3 groups"))
    #expect(layers("{batchnorm: {eps: 0}}").contains("eps must be a number, greater than 0"))
    #expect(refusal("layers: [linear: 10, linear: 3]\nlayers: []").contains("layers"))
    #expect(refusal("layers: {}").contains("must be a list"))
  }

  @Test func hostileFiles() {
    #expect(refusal("layers: &a [*a]").contains("not YAML"))
    let brackets = String(repeating: "[", count: 100_000)
    #expect(refusal("layers: \(brackets)").contains("nested more than"))
    // Ten lists of ten aliases each: 10¹⁰ layers.
    var bomb = "layers:\n  - residual: &a0 [relu]\n"
    for level in 1...9 {
      let ten = Array(repeating: "{residual: *a\(level - 1)}", count: 10)
      bomb += "  - residual: &a\(level) [\(ten.joined(separator: ", "))]\n"
    }
    #expect(refusal(bomb).contains("more than 20000 layers"))
    let dashes = String(repeating: "- ", count: 100_000)
    #expect(refusal("layers:\n  \(dashes)relu").contains("nested more than"))
  }

  /// A plan of many layers takes time in proportion.
  @Test(.timeLimit(.minutes(1))) func tenThousandLayers() throws {
    let pairs = String(repeating: ", {linear: 4}, relu", count: 5000)
    let text = "layers: [flatten\(pairs), {linear: 10}]"
    let run = try plan(text)
    #expect(run.layout.entries.count == 10_002)
    #expect(run.plan.steps.count == 5002)
    for name in run.names { run[name] = randomValues(run[name].count, stream: stableHash(name)) }
    try run.run(randomValues(288, stream: 1), targets: [3, 9], takesClasses: true)
    #expect(!run.gradientArena.contains { $0.isInfinite })
    #expect(!run.gradient("1.weight").contains { $0.isNaN })
  }
}
