import Basics
import Datasets
import Testing

@Suite struct NPYTests {
  let folder: TemporaryFolder
  var spec: String { "\(folder.path)/x.npy,\(folder.path)/y.npy" }

  init() throws { folder = try TemporaryFolder() }

  private func write(_ x: [UInt8], _ y: [UInt8] = npy("<i8", "(2,)", labels)) throws {
    try folder.write("x.npy", x)
    try folder.write("y.npy", y)
  }

  private static let labels = littleEndian(Int64(1)) + littleEndian(Int64(0))
  private static let six = (0..<6).flatMap { littleEndian(Float($0).bitPattern) }

  /// numpy.save(file, numpy.asfortranarray(numpy.arange(6, dtype='>f4').reshape(2, 3)))
  @Test func numPyWroteThis() throws {
    let text = "{'descr': '>f4', 'fortran_order': True, 'shape': (2, 3), }"
    let header = text + String(repeating: " ", count: 117 - text.utf8.count)
    let data: [UInt8] = [
      0, 0, 0, 0, 0x40, 0x40, 0, 0, 0x3F, 0x80, 0, 0, 0x40, 0x80, 0, 0, 0x40, 0, 0, 0, 0x40, 0xA0,
      0, 0,
    ]
    try write(npy(header, data))
    let decoded = try Decoded(spec)
    #expect(decoded.features(0) == [0, 1, 2])
    #expect(decoded.features(1) == [3, 4, 5])
    #expect(decoded.classes() == [1, 0])
    #expect(decoded.description.target == .classes(names: ["0", "1"]))
  }

  /// Rows 2, 1, 0 of three features in every type and byte order.
  @Test func everyType() throws {
    func integers<N: FixedWidthInteger & SignedInteger>(_: N.Type) -> ([UInt8], [UInt8]) {
      let numbers: [N] = [-1, 2, 3, 4, 5, 6]
      return (numbers.flatMap(littleEndian), numbers.flatMap(bigEndian))
    }
    func unsigned<N: FixedWidthInteger>(_: N.Type) -> ([UInt8], [UInt8]) {
      let numbers: [N] = [1, 2, 3, 4, 5, 6]
      return (numbers.flatMap(littleEndian), numbers.flatMap(bigEndian))
    }
    let floats: [Float] = [-1, 2, 3, 4, 5, 6]
    let cases: [(String, ([UInt8], [UInt8]), Float)] = [
      ("i1", integers(Int8.self), -1), ("i2", integers(Int16.self), -1),
      ("i4", integers(Int32.self), -1), ("i8", integers(Int64.self), -1),
      ("u1", unsigned(UInt8.self), 1), ("u2", unsigned(UInt16.self), 1),
      ("u4", unsigned(UInt32.self), 1), ("u8", unsigned(UInt64.self), 1),
      (
        "f2",
        (
          floats.flatMap { littleEndian(Float16($0).bitPattern) },
          floats.flatMap { bigEndian(Float16($0).bitPattern) }
        ), -1
      ),
      (
        "f4",
        (
          floats.flatMap { littleEndian($0.bitPattern) },
          floats.flatMap { bigEndian($0.bitPattern) }
        ), -1
      ),
      (
        "f8",
        (
          floats.flatMap { littleEndian(Double($0).bitPattern) },
          floats.flatMap { bigEndian(Double($0).bitPattern) }
        ), -1
      ),
    ]
    for (type, (little, big), first) in cases {
      for (order, data) in [("<", little), (">", big)] {
        try write(npy(order + type, "(2, 3)", data))
        let decoded = try Decoded(spec)
        #expect(decoded.features(0) == [first, 2, 3], "\(order)\(type)")
        #expect(decoded.features(1) == [4, 5, 6], "\(order)\(type)")
        #expect(decoded.description.featureType == (type == "u1" ? .uint8 : .float32))
      }
    }
    try write(npy("|b1", "(2, 3)", [1, 0, 0, 1, 1, 0]))
    #expect(try Decoded(spec).features(1) == [1, 1, 0])
  }

  /// A four-dimensional array in both orders, read whole and in shares.
  @Test func fortranOrderOfManyAxes() throws {
    let extents = [7, 2, 3, 4]
    var rowMajor = [Float]()
    for index in 0..<168 { rowMajor.append(Float(index)) }
    var columnMajor = rowMajor
    for index in 0..<168 {
      // Last axis fastest to first axis fastest.
      let (i, j, k, l) = (index / 24, index / 12 % 2, index / 4 % 3, index % 4)
      columnMajor[i + 7 * (j + 2 * (k + 3 * l))] = rowMajor[index]
    }
    let y = npy("|u1", "(7,)", [0, 1, 0, 1, 0, 1, 0])
    for (data, fortran) in [(rowMajor, false), (columnMajor, true)] {
      let bytes = data.flatMap { littleEndian($0.bitPattern) }
      try write(npy("<f4", "(7, 2, 3, 4)", bytes, fortran: fortran), y)
      for parts in [1, 2, 3, 5, 9] {
        let decoded = try Decoded(spec, parts: parts)
        #expect(decoded.description.featureShape == Array(extents.dropFirst()))
        for row in 0..<7 {
          #expect(decoded.features(row) == Array(rowMajor[row * 24..<row * 24 + 24]))
        }
      }
      try write(npy("|u1", "(7, 2, 3, 4)", data.map { UInt8($0) }, fortran: fortran), y)
      let decoded = try Decoded(spec)
      #expect(decoded.description.divisor == 255)
      #expect(decoded.features(3) == rowMajor[72..<96].map { $0 / 255 })
    }
  }

  @Test func versionsAndSpellings() throws {
    for version: UInt8 in [1, 2, 3] {
      let header = "{\"shape\":(2,3,),\"descr\":\"<f4\",\"fortran_order\":False}   "
      try write(npy(header, Self.six, version: version))
      #expect(try Decoded(spec).features(1) == [3, 4, 5])
    }
  }

  @Test func targets() throws {
    let x = npy("<f4", "(2, 3)", Self.six)
    try write(x, npy("<f4", "(2, 3)", Self.six))
    let wide = try Decoded(spec)
    #expect(wide.description.target == .values(width: 3))
    #expect(wide.values(1) == [3, 4, 5])
    try write(x)
    #expect(try Decoded(spec, DataOptions(task: .regression)).values(0) == [1])
    try write(x, npy("<f4", "(2,)", [0, 1].flatMap { littleEndian(Float($0).bitPattern) }))
    #expect(try Decoded(spec, DataOptions(task: .classification)).classes() == [0, 1])
    #expect(try Decoded(spec).values(1) == [1])
    try write(x, npy("<i8", "(2,)", littleEndian(Int64(0)) + littleEndian(Int64(-3))))
    expectFailure("y.npy", "index 1", "-3", spec: spec)
    try write(x, npy("<i8", "(2,)", littleEndian(Int64(0)) + littleEndian(Int64.max)))
    expectFailure("y.npy", "index 1", spec: spec)
    try write(x, npy("<i8", "(3,)", Self.labels + Self.labels.prefix(8)))
    expectFailure("2 rows", "3", spec: spec)
  }

  /// Row 22, and 23: code in a header is text that does not parse.
  @Test func damagedHeaders() throws {
    func with(_ descr: String = "'<f4'", _ shape: String = "(2, 3)", order: String = "False")
      -> [UInt8]
    {
      npy("{'descr': \(descr), 'fortran_order': \(order), 'shape': \(shape), }", Self.six)
    }
    let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    let cases: [([UInt8], String)] = [
      ([], "byte 0"), (Array("PK\u{3}\u{4}aaaaaaa".utf8), "byte 0"),
      (magic + [4, 0, 10, 0, 0, 0], "found 4.0"), (magic + [1, 7, 10, 0, 0, 0], "found 1.7"),
      (magic + [2, 0, 0xF0, 0xFF, 0xFF, 0xFF], "4294967280"),
      (magic + [1, 0, 0xFF, 0xFF], "65535"),
      (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), ", Self.six), "expected"),
      (with("''"), "descr"), (with("'<ixy'"), "<ixy"), (with("'|O'"), "|O"), (with("'<c8'"), "<c8"),
      (with("'|f4'"), "|f4"), (with("[('a', '<f4')]"), "a string"), (with("'<f4"), "expected"),
      (with("__import__('os').system('true')"), "a string"),
      (with("'<f4'", "(2, __import__('os'))"), "shape"), (with(order: "1"), "True or False"),
      (with("'<f4'", "()"), "single number"), (with("'<f4'", "(-1,)"), "shape"),
      (with("'<f4'", "(9223372036854775808,)"), "shape"), (with("'<f4'", "(3"), "expected"),
      (with("'<f4'", "(9223372036854775807,)"), "declares"),
      (with("'<f4'", "(0, 9223372036854775807, 8)"), "declares"),
      (with("'<f4'", "(4294967296, 4294967296)"), "declares"),
      (with("'<f4'", "(" + String(repeating: "1,", count: 5000) + ")"), "32"),
      (with("'<f4'", "(0, 3)"), "expected rows"), (with("'<f4'", "(2, 0)"), "expected rows"),
      (with("'<f4'", "(2, 4)"), "truncated"), (with("'<f4'", "(2, 2)"), "after the array"),
      (with().dropLast(), "truncated"), (npy("{'descr': '<f4'}", Self.six), "fortran_order, shape"),
      (npy("{'descr': '<f4', 'descr': '<f4'}", Self.six), "one each"),
      (npy("{} + 1", Self.six), "expected"),
    ]
    for (bytes, word) in cases {
      try write(Array(bytes))
      expectFailure("x.npy", word, spec: spec)
    }
  }

  @Test func valuesThatAreNotFinite() throws {
    let numbers: [Float] = [1, 2, 3, 4, .infinity, 6]
    try write(npy("<f4", "(2, 3)", numbers.flatMap { littleEndian($0.bitPattern) }))
    expectFailure("x.npy, row 1", "inf", spec: spec)
    try write(npy("<f8", "(2, 1)", [1, 1e300].flatMap { littleEndian(Double($0).bitPattern) }))
    expectFailure("x.npy, row 1", "float32", spec: spec)
  }

  @Test func fileOfAnotherKind() throws {
    try write([])
    makeFifo(folder.path + "/pipe.npy")
    expectFailure("pipe", spec: "\(folder.path)/pipe.npy,\(folder.path)/y.npy")
    expectFailure("No such file", spec: "\(folder.path)/none.npy,\(folder.path)/y.npy")
    expectFailure("two files", kind: .usage, spec: "\(folder.path)/x.npy")
  }

  @Test func aFileThatChanges() throws {
    try write(npy("<f4", "(2, 3)", Self.six))
    let source = try datasetSource(named: spec, options: DataOptions())
    let description = try source.describe()
    let memory = AlignedBuffer<UInt8>(count: description.byteCount)
    for changed in [
      npy("<f4", "(1, 3)", Array(Self.six.prefix(12))), npy("<f4", "(2, 3)", []),
      npy("<f4", "(3, 2)", Self.six), npy("|u1", "(2, 3)", [1, 2, 3, 4, 5, 6]), [],
    ] {
      try folder.write("x.npy", changed)
      #expect(throws: Failure.self) {
        try source.decode(description, part: 0, of: 1, into: memory.pointer)
      }
    }
  }
}
