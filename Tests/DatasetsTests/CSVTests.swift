import Basics
import Datasets
import Testing

@Suite struct CSVTests {
  let folder: TemporaryFolder
  var path: String { folder.path + "/table.csv" }

  init() throws { folder = try TemporaryFolder() }

  private func decode(_ text: String, _ options: DataOptions = DataOptions(target: "y")) throws
    -> Decoded
  {
    try folder.write("table.csv", text)
    return try Decoded(path, options)
  }

  @Test func numbersOfAllSpellings() throws {
    let data = try decode("a,y,b\n1,2,3\n-1.5,+2e1,.5\n\t5. , 1E-2,123456789012345678901\n")
    #expect(data.description.featureNames == ["a", "b"])
    #expect(data.description.featureShape == [2])
    #expect(data.description.target == .values(width: 1))
    #expect(data.description.targetName == "y")
    #expect((0..<3).map { data.features($0) } == [[1, 3], [-1.5, 0.5], [5, 1.2345679e20]])
    #expect((0..<3).map { data.values($0)[0] } == [2, 20, 0.01])
  }

  @Test func numbersAreRoundedOnce() {
    let random = Philox(seed: 0, purpose: .test)
    var texts = ["0.1", "9007199254740993", "4.9e-324", "1e22", "1e23", "-0", "1e-400"]
    for index in 0..<2000 {
      let words = random.block(UInt64(index))
      let digits = "\(words.x)\(words.y)".prefix(Int(words.z % 19) + 1)
      texts.append("-\(digits.prefix(1)).\(digits.dropFirst())e\(Int(words.w % 60) - 30)")
      texts.append("\(digits)")
    }
    for text in texts {
      let found = Array(text.utf8).withUnsafeBufferPointer(parseDecimal)
      #expect(found?.bitPattern == Double(text)?.bitPattern, "\(text)")
    }
  }

  @Test func quotesLineEndsAndByteOrderMark() throws {
    let text =
      "\u{FEFF}\"a,\"\"b\"\"\",\"two\nlines\",y\r\n\"1\", \t2,\"x, y\"\r\n3,4,\"\"\"z\"\"\"\r\n\r\n\n"
    let data = try decode(text)
    #expect(data.description.featureNames == ["a,\"b\"", "two\nlines"])
    #expect(data.description.target == .classes(names: ["\"z\"", "x, y"]))
    #expect(data.classes() == [1, 0])
    #expect(data.features(1) == [3, 4])
  }

  @Test func classes() throws {
    let named = try decode("a,y\n1,pear\n2,apple\n3,pear")
    #expect(named.description.target == .classes(names: ["apple", "pear"]))
    #expect(named.classes() == [1, 0, 1])
    let numbered = try decode(
      "a,y\n1,10\n2,9\n3,10.0\n4,-1", DataOptions(target: "1", task: .classification))
    #expect(numbered.description.target == .classes(names: ["-1", "9", "10"]))
    #expect(numbered.classes() == [2, 1, 2, 0])
    expectFailure(
      "line 3", "\"y\"", "\"x\"", "--task classification", spec: try write("a,y\n1,2\n3,x"),
      options: DataOptions(target: "y"))
    // Python's hexadecimal and nan are text here, also as class names.
    let odd = try decode("a,y\n1,0x10\n2,nan")
    #expect(odd.description.target == .classes(names: ["0x10", "nan"]))
    #expect(odd.classes() == [0, 1])
  }

  private func write(_ text: String) throws -> String { try folder.write("table.csv", text) }

  /// Row 25 of the table of bad input.
  @Test func badTables() throws {
    let wide = (0..<5000).map { "c\($0)" }.joined(separator: ",")
    let cases: [(String, [String])] = [
      ("", ["line of column names"]), ("a,y\n", ["line 2", "only the header"]),
      ("a,y\n1,2\n3\n", ["line 3", "2 fields", "found 1"]),
      ("a,y\n1,2\n3,4,5\n", ["line 3", "found 3"]), ("a,y\n1,2\n\n3,4\n", ["line 3", "blank"]),
      ("a,y\n\"1,2\n3,4\n", ["line 2", "closing quote"]),
      ("a,y\n\"1\"2,3\n", ["line 2", "after the closing quote"]),
      ("a,y\n1\"2\",3\n", ["line 2", "found byte 22"]), ("a,y\r1,2\r", ["line 1", "0d"]),
      ("a,y\n1,\u{0}\n", ["line 2", "00"]), ("a,y\n1e999,1\n", ["line 2", "\"a\"", "1e999"]),
      ("a,y\n1e39,1\n", ["line 2", "\"a\"", "1e39"]), ("a,y\n1,1\nnan,1\n", ["line 3", "\"nan\""]),
      ("a,y\ninf,1\n", ["\"inf\""]), ("a,y\n0x10,1\n", ["\"0x10\""]), ("a,y\n,1\n", ["nothing"]),
      ("a,y\n\"1,5\",1\n", ["\"1,5\""]), ("a,y\n1;5,1\n", ["1;5"]), ("a,y\n1 2,1\n", ["1 2"]),
      ("a,y\n1e,1\n", ["1e"]), ("a,y\n.,1\n", ["\".\""]), ("a,y\n-,1\n", ["\"-\""]),
      ("a,y\n1,5\n2,\n", ["line 3", "\"y\"", "nothing"]), ("a,y\n1,5\n2,1e999\n", ["1e999"]),
      ("a;y\n1;2\n", ["commas"]), ("a,y,a\n1,2,3\n", ["twice"]), ("1,2\n3,4\n", ["header line"]),
      (wide + ",y\n" + wide + ",1\n", ["line 2", "\"c0\""]),
      ("a,y\n1,\"" + String(repeating: "x", count: 5 << 20), ["line 2", "at most"]),
      (String(repeating: "x,", count: 3 << 20), ["at most"]),
    ]
    for (text, words) in cases {
      for word in ["table.csv"] + words {
        expectFailure(word, spec: try write(text), options: DataOptions(target: "y"))
      }
    }
    for bytes: [UInt8] in [[0xFF, 0xFE, 0x61, 0], [0xFE, 0xFF, 0, 0x61]] {
      try folder.write("table.csv", bytes)
      expectFailure("UTF-16", spec: path)
    }
    try folder.write("table.csv", Array("a,y\n1,".utf8) + [0xC3, 0x28])
    expectFailure("line 2", "UTF-8", spec: path, options: DataOptions(target: "y"))
  }

  @Test func targetsThatAreNotThere() throws {
    try folder.write("table.csv", "a,y\n1,2\n")
    expectFailure("--target", "a, y", kind: .usage, spec: path)
    expectFailure("\"z\"", "a, y", kind: .usage, spec: path, options: DataOptions(target: "z"))
    expectFailure(kind: .usage, spec: path, options: DataOptions(target: "2"))
  }

  @Test(arguments: [2, 3, 5, 40]) func sharesGiveTheSameBytes(parts: Int) throws {
    let rows = (0..<23).map { "\($0),\"c\n\($0 % 3)\",\($0 * $0)\n" }
    let whole = try decode("a,y,b\n" + rows.joined())
    #expect(whole.classes().prefix(4) == [0, 1, 2, 0])
    let shared = try Decoded(path, DataOptions(target: "y"), parts: parts)
    #expect(shared.bytes.elements.elementsEqual(whole.bytes.elements))
  }

  @Test func longFilesCrossTheBuffer() throws {
    let count = 400_000
    let rows = (0..<count).map { "\($0),\($0 % 7).25\n" }
    try folder.write("table.csv.gz", "a,y\n" + rows.joined())
    let data = try Decoded(folder.path + "/table.csv.gz", DataOptions(target: "y"), parts: 2)
    #expect((0..<count).allSatisfy { data.values($0)[0] == Float($0 % 7) + 0.25 })
    #expect(data.features(count - 1) == [Float(count - 1)])
  }

  @Test func aTableThatChanges() throws {
    let source = try datasetSource(
      named: write("a,y\n1,u\n2,v\n"), options: DataOptions(target: "y"))
    let description = try source.describe()
    let memory = AlignedBuffer<UInt8>(count: description.byteCount)
    for changed in ["a,y\n1,u\n", "a,y\n1,u\n2,v\n3,u\n", "b,y\n1,u\n2,v\n", "a,y\n1,u\n2,w\n", ""]
    {
      _ = try write(changed)
      #expect(throws: Failure.self) {
        try source.decode(description, part: 0, of: 1, into: memory.pointer)
      }
    }
  }

  @Test func aTrainedModelsTable() throws {
    let trained = try decode("a,b,y\n1,2,u\n3,4,v\n5,6,w").description
    let options = DataOptions(expected: trained)
    // Columns by name, classes by the trained mapping.
    let other = try decode("y,b,a\nw,2,1\nu,4,3\n", options)
    #expect(other.features(0) == [1, 2])
    #expect(other.classes() == [2, 0])
    expectFailure("line 2", "\"x\"", "u, v, w", spec: try write("y,b,a\nx,2,1\n"), options: options)
    expectFailure("missing: b", "unknown: c", spec: try write("y,c,a\nu,2,1\n"), options: options)
    let predict = DataOptions(requireTarget: false, expected: trained)
    for text in ["b,a\n2,1\n", "b,y,a\n2,whatever,1\n"] {
      let bare = try decode(text, predict)
      #expect(bare.features(0) == [1, 2])
      #expect(!bare.description.hasTargets)
      #expect(bare.description.target == trained.target)
    }
  }
}
