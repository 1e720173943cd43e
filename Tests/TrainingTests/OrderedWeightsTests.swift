import Basics
import TestSupport
import Testing
import Training

/// `--init-order`: a file's tensors for a model that has other names.
@Suite struct OrderedWeightsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// The places in `names` that a model is given for its parameters `wanted`.
  private func order(
    of file: [(String, [Int])], for wanted: [(name: String, shape: [Int])]
  ) throws -> [String] {
    let zeros = AlignedBuffer<Float>(count: 64)
    let entries = file.map {
      Safetensors.Entry(name: $0.0, shape: $0.1, data: UnsafePointer(zeros.pointer))
    }
    var bytes: [UInt8] = []
    withExtendedLifetime(zeros) { Safetensors.write(entries) { bytes += $0 } }
    let path = try folder.write("x.safetensors", bytes)
    return try SafetensorsFile(path: path).tensorsInOrder(for: wanted).map(\.name)
  }

  private static let mlp: [(name: String, shape: [Int])] = [
    ("0.weight", [3, 2]), ("0.bias", [3]), ("2.weight", [4, 3]), ("2.bias", [4]),
  ]

  /// Five `Linear(4, 4)` with ReLU, `BatchNorm1d(4)`, `Linear(4, 3)`: places 0, 2, 4, 6, 8, 10 and
  /// 11 of an `nn.Sequential`, whose k-th tensor holds k.
  @Test func readsPyTorchsSequential() throws {
    let golden = try Golden("sequential")
    let linear = (1...5).flatMap { [("l\($0).weight", [4, 4]), ("l\($0).bias", [4])] }
    let norm = ["weight", "bias", "running_mean", "running_var"].map { ("norm.\($0)", [4]) }
    let wanted = (linear + norm + [("out.weight", [3, 4]), ("out.bias", [3])]).map {
      (name: $0.0, shape: $0.1)
    }
    let file = try SafetensorsFile(path: Golden.path("sequential.safetensors"))
    #expect(file.tensors.contains { $0.type == "I64" }, "PyTorch's count of batches")
    let tensors = try file.tensorsInOrder(for: wanted)
    for (place, tensor) in tensors.enumerated() {
      #expect(
        golden[tensor.name].allSatisfy { $0 == Float(place) }, "\(tensor.name) at \(place)")
    }
    #expect(tensors.count == 16)
  }

  /// Not sorted by name: whoever wrote it meant the order.
  @Test func keepsTheFilesOrder() throws {
    let file = [
      ("start.weight", [3, 2]), ("start.bias", [3]), ("end.bias", [4]), ("end.weight", [4, 3]),
    ]
    #expect(
      try order(of: file, for: Self.mlp)
        == ["start.weight", "start.bias", "end.weight", "end.bias"])
    #expect(try order(of: [("w", [2])], for: [(name: "0.w", shape: [2])]) == ["w"])
  }

  @Test func namesPlaceExpectedAndFound() throws {
    func refusal(_ file: [(String, [Int])]) -> String {
      let failure = failure { _ = try order(of: file, for: Self.mlp) }
      return failure?.kind == .badData ? failure?.message ?? "" : ""
    }
    let good = [("a.0.bias", [3]), ("a.0.weight", [3, 2])]
    let misshapen = refusal(good + [("a.1.bias", [4]), ("a.1.weight", [3, 4])])
    #expect(
      misshapen.hasSuffix(
        "order: layer 2: expected 2.weight F32 [4, 3], found a.1.weight F32 [3, 4]"))
    let missing = refusal(good)
    #expect(
      missing.hasSuffix(
        "layer 2: expected 2.weight F32 [4, 3], found no weight; "
          + "layer 2: expected 2.bias F32 [4], found no bias"))
    let surplus = refusal(
      good + [("a.1.bias", [4]), ("a.1.scale", [1]), ("a.1.weight", [4, 3]), ("b.weight", [1])])
    #expect(
      surplus.hasSuffix(
        "order: layer 2: expected no more, found a.1.scale F32 [1]; "
          + "layer 3: expected no more, found b.weight F32 [1]"))
    #expect(refusal([]).contains("layer 1: expected 0.weight F32 [3, 2], found no weight"))
  }
}
