import Basics
import Datasets
import Testing

@Suite struct IDXTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Six images of 2×3 whose pixels count up, with labels 0, 1, 2, 0, 1, 2.
  private func writeSmallSet(suffix: String = "", separator: String = "-") throws {
    let images = idx([6, 2, 3], (0..<36).map { UInt8($0) })
    try folder.write("train-images\(separator)idx3-ubyte\(suffix)", images)
    try folder.write("train-labels\(separator)idx1-ubyte\(suffix)", idx([6], [0, 1, 2, 0, 1, 2]))
    try folder.write(
      "t10k-images\(separator)idx3-ubyte\(suffix)", idx([1, 2, 3], [9, 8, 7, 6, 5, 255]))
    try folder.write("t10k-labels\(separator)idx1-ubyte\(suffix)", idx([1], [2]))
  }

  @Test(arguments: ["", ".gz"], ["-", "."]) func imagesAndLabels(suffix: String, separator: String)
    throws
  {
    try writeSmallSet(suffix: suffix, separator: separator)
    let data = try Decoded(folder.path)
    #expect(data.description.featureShape == [1, 2, 3])
    #expect(data.description.featureType == .uint8)
    #expect(data.description.divisor == 255)
    #expect(data.description.target == .classes(names: ["0", "1", "2"]))
    #expect(data.description.rows == [.train: 6, .test: 1])
    #expect(data.features(5) == (30..<36).map { Float($0) / 255 })
    #expect(data.features(0, .test) == [9, 8, 7, 6, 5, 255].map { Float($0) / 255 })
    #expect(data.classes() == [0, 1, 2, 0, 1, 2])
    #expect(data.classes(.test) == [2])
  }

  @Test(arguments: ["", ".gz"]) func sharesGiveTheSameBytes(suffix: String) throws {
    try writeSmallSet(suffix: suffix)
    let whole = try Decoded(folder.path)
    for parts in [2, 3, 5, 8] {
      let shared = try Decoded(folder.path, parts: parts)
      #expect(shared.bytes.elements.elementsEqual(whole.bytes.elements))
    }
  }

  @Test func otherTypesBecomeFloats() throws {
    let values: [(UInt8, [UInt8])] = [
      (0x09, [0xFF, 2]), (0x0B, bigEndian(Int16(-1)) + bigEndian(Int16(2))),
      (0x0C, bigEndian(Int32(-1)) + bigEndian(Int32(2))),
      (0x0D, bigEndian(Float(-1).bitPattern) + bigEndian(Float(2).bitPattern)),
      (0x0E, bigEndian(Double(-1).bitPattern) + bigEndian(Double(2).bitPattern)),
    ]
    for (type, data) in values {
      try folder.write("train-images-idx3-ubyte", idx(type: type, [1, 1, 2], data))
      try folder.write("train-labels-idx1-ubyte", idx([1], [0]))
      let decoded = try Decoded(folder.path)
      #expect(decoded.description.featureType == .float32)
      #expect(decoded.features(0) == [-1, 2])
    }
  }

  /// Row 20 of the table of bad input.
  @Test func damagedImages() throws {
    let good = idx([6, 2, 3], (0..<36).map { UInt8($0) })
    let cases: [(String, [UInt8], String)] = [
      ("wrong magic", [1] + good.dropFirst(), "byte 0"),
      ("unknown type", idx(type: 0x0A, [6, 2, 3], []), "byte 0"),
      ("no axes", [0, 0, 8, 0], "1 to 4 axes"),
      ("255 axes", [0, 0, 8, 255] + [UInt8](repeating: 0, count: 2000), "1 to 4 axes"),
      ("huge", idx([.max, .max, 1], [1, 2, 3]), "declares"),
      ("huge product", idx([.max, .max, .max], [1, 2, 3]), "declares"),
      ("more than there is", idx([.max, 1, 1], [1, 2, 3]), "declares"),
      ("truncated", good.dropLast(), "truncated"), ("header cut", Array(good.prefix(7)), "byte 7"),
      ("empty file", [], "byte 0"), ("longer", good + [0], "after the array"),
      ("gzip", [0x1F, 0x8B] + good, "gzip"), ("no rows", idx([0, 2, 3], []), "expected rows"),
    ]
    for (name, bytes, word) in cases {
      try writeSmallSet()
      try folder.write("train-images-idx3-ubyte", Array(bytes))
      expectFailure("train-images-idx3-ubyte", word, spec: folder.path)
      if word.isEmpty { Issue.record("\(name)") }
    }
  }

  @Test func damagedGzip() throws {
    try writeSmallSet(suffix: ".gz")
    let name = "train-images-idx3-ubyte.gz"
    let good = try folder.read(name)
    var flipped = good
    flipped[good.count - 6] ^= 1  // in the checksum
    let cases: [([UInt8], String)] = [
      (good.dropLast(9), "end of the file"), (flipped, "incorrect data check"),
      (good + [7], "gzip data"), (idx([6, 2, 3], []), "gzip data (1f 8b)"), ([], "nothing"),
    ]
    for (bytes, word) in cases {
      try folder.write(name, Array(bytes), packing: false)
      expectFailure(name, word, spec: folder.path)
    }
    // Declared and packed sizes differ.
    try folder.write(name, idx([6, 2, 3], [1, 2, 3]))
    expectFailure(name, "truncated", spec: folder.path)
    try folder.write(name, idx([6, 2, 3], [UInt8](repeating: 1, count: 37)))
    expectFailure(name, "found more", spec: folder.path)
    try folder.write(name, idx([.max, 28, 28], [1]))
    expectFailure(name, "declares", spec: folder.path)
  }

  /// Row 21.
  @Test func labelsThatDoNotFit() throws {
    try writeSmallSet()
    try folder.write("train-labels-idx1-ubyte", idx([5], [0, 1, 2, 0, 1]))
    expectFailure("6 rows", "5", spec: folder.path)
    try folder.write("train-labels-idx1-ubyte", idx([6], [0, 1, 255, 2, 3, 4]))
    expectFailure("index 2", "255", spec: folder.path)
    try folder.write(
      "train-labels-idx1-ubyte", idx(type: 0x0C, [6], [UInt8](repeating: 0, count: 24)))
    expectFailure("byte 2", spec: folder.path)
    try writeSmallSet()
    try folder.write("t10k-labels-idx1-ubyte", idx([1], [3]))
    expectFailure("t10k-labels", "index 0", "0…2", "found 3", spec: folder.path)
  }

  @Test func missingFiles() throws {
    expectFailure("train-images", spec: folder.path)
    try folder.write("train-images-idx3-ubyte", idx([1, 1, 1], [1]))
    expectFailure("train-labels", spec: folder.path)
    let data = try Decoded(folder.path, DataOptions(requireTarget: false))
    #expect(!data.description.hasTargets)
  }

  @Test(.enabled(if: isInstalled("/usr/share/datasets/fashion-mnist"))) func fashionMNIST() throws {
    let source = try datasetSource(named: "fashion-mnist", options: DataOptions())
    let data = try Decoded(source, parts: 2)
    #expect(data.description.rows == [.train: 60_000, .test: 10_000])
    #expect(data.description.featureShape == [1, 28, 28])
    guard case .classes(let names) = data.description.target else { return }
    #expect(names[9] == "Ankle boot")
    // python3: sum(gzip.open('train-images-idx3-ubyte.gz').read()[16:]); 1000 of each class.
    let pixels = data.bytes.elements[..<47_040_000]
    #expect(pixels.reduce(0) { $0 &+ Int($1) } == 3_431_114_169)
    for label in 0..<10 { #expect(data.classes(.test).count { $0 == label } == 1000) }
  }
}
