import Foundation
import Testing

extension Integration {
  /// The same numbers in every format give the same bits.
  @Suite struct FormatTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func train(_ data: String, ranks: Int, _ options: String...) throws -> RunFolder {
      let run = folder.run(UUID().uuidString)
      try IntegrationTests.run(
        ranks: ranks, expecting: 0,
        [
          "--data", data, "--model", "mlp:8", "--epochs", "8", "--batch-size", "16", "--lr", "0.02",
          "--logical-ranks", "3", "--threads", "1", "--quiet",
        ] + options + run.option)
      return run
    }

    @Test func `NPY in any order of axes and bytes`() throws {
      var digests: Set<String> = []
      for (fortran, bigEndian, ranks) in [
        (false, false, 1), (true, false, 2), (false, true, 3), (true, true, 5),
      ] {
        let data = try DataFiles.write(to: folder, fortran: fortran, bigEndian: bigEndian)
        digests.insert(try train(data, ranks: ranks).digest())
      }
      #expect(digests.count == 1)
    }

    @Test func `IDX as it is and packed, and as NPY`() throws {
      let plain = try train(DataFiles.writeIDX(to: folder, called: "plain"), ranks: 1)
      let packed = try train(
        DataFiles.writeIDX(to: folder, called: "packed", isPacked: true), ranks: 3)
      let arrays = try train(
        DataFiles.write(to: folder, fortran: false, bigEndian: false), ranks: 2)
      #expect(try plain.digest() == packed.digest())
      #expect(try plain.digest() == arrays.digest(), "bytes count as x / 255")
      #expect(try #require(plain.metrics("eval").last).number("accuracy") > 0.5)
    }

    @Test func `A test set is evaluated once and decides nothing`() throws {
      let without = try DataFiles.writeIDX(to: folder, called: "without")
      let with = try DataFiles.writeIDX(to: folder, called: "with")
      for name in ["images-idx3-ubyte", "labels-idx1-ubyte"] {
        try Subject.tool("cp", "\(without)/train-\(name)", "\(with)/t10k-\(name)")
      }
      let (tested, plain) = (try train(with, ranks: 2), try train(without, ranks: 3))
      #expect(try tested.digest() == plain.digest())
      let tests = try tested.metrics("eval").filter { try $0.text("split") == "test" }
      #expect(tests.count == 1)
      #expect(tests.first?.object["n"] as? Int == DataFiles.rows)
      #expect(try tested.metrics().suffix(2).first?.text("split") == "test")
      #expect(try plain.metrics("eval").allSatisfy { try $0.text("split") == "val" })
    }

    @Test func `A table with names as classes`() throws {
      let unix = try folder.write("unix.csv", DataFiles.csv())
      let text = "\u{FEFF}" + DataFiles.csv().replacingOccurrences(of: "\n", with: "\r\n")
      let windows = try folder.write("windows.csv", text)
      let first = try train(unix, ranks: 1, "--target", "class")
      let second = try train(windows, ranks: 3, "--target", "class")
      #expect(try first.digest() == second.digest())
      let byNumber = try train(unix, ranks: 2, "--target", "3")
      #expect(try first.digest() == byNumber.digest(), "columns count from 0")
      let numbers = DataFiles.csv().replacingOccurrences(of: ",no", with: ",0")
        .replacingOccurrences(of: ",yes", with: ",1")
      let values = try train(
        folder.write("numbers.csv", numbers), ranks: 2, "--target", "c")
      #expect(try values.metrics("eval").last?.object["mae"] != nil, "numbers: a regression")
    }
  }
}
