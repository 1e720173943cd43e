import Foundation
import Testing

extension Integration {
  /// Damaged and mistaken data: no crash, one sentence, the documented code, nothing left.
  @Suite struct BadDataTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func refuse(
      _ data: String, _ words: String, code: Int32 = 65, options: [String] = []
    ) -> Refusal {
      let run = folder.run("run-\(UUID().uuidString)").option
      return Refusal(["--data", data] + options + run, code, words)
    }

    @Test func `Missing files`() throws {
      let empty = folder.file("empty")
      try FileManager.default.createDirectory(
        atPath: empty, withIntermediateDirectories: false)
      let labels = try DataFiles.writeIDX(to: folder, called: "no-labels")
      try FileManager.default.removeItem(atPath: labels + "/train-labels-idx1-ubyte")
      try Refusal.expect([
        Refusal(["--data", folder.file("none.csv"), "--target", "y"], 65, "none.csv"),
        refuse("\(folder.file("x.npy")),\(folder.file("y.npy"))", "x.npy"),
        refuse(folder.file("none"), "none"), refuse(empty, "train-images"),
        refuse(labels, "train-labels"),
      ])
      #expect(folder.run("").entries().allSatisfy { !$0.hasPrefix("run-") }, "no run was begun")
    }

    @Test func `IDX files`() throws {
      let (rows, pixels, labels) = (DataFiles.rows, DataFiles.pixels, DataFiles.labels)
      let idx = DataFiles.idx
      func images(_ name: String, _ bytes: [UInt8]) throws -> String {
        try DataFiles.writeIDX(to: folder, called: name, images: bytes)
      }
      let packed = try DataFiles.writeIDX(to: folder, called: "packed", isPacked: true)
      let gz = packed + "/train-images-idx3-ubyte.gz"
      try FileHandle(forUpdating: URL(fileURLWithPath: gz)).truncate(atOffset: 200)
      let plain = try images("plain", [])
      try FileManager.default.removeItem(atPath: plain + "/train-images-idx3-ubyte")
      try folder.write("plain/train-images-idx3-ubyte.gz", idx([rows, 3, 4], pixels, 8))
      let good = idx([rows, 3, 4], pixels, 8)
      try Refusal.expect([
        refuse(try images("cut", good.dropLast(100)), "cut/train-images-idx3-ubyte"),
        refuse(try images("long", good + [0]), "train-images-idx3-ubyte"),
        refuse(packed, "train-images-idx3-ubyte.gz"), refuse(plain, "train-images"),
        refuse(try images("empty", []), "train-images"),
        refuse(
          try images("huge", idx([0xFFFF_FFFF, 0xFFFF_FFFF, 4], [], 8)), "train-images"),
        refuse(try images("magic", [1, 2] + good.dropFirst(2)), "byte 0"),
        // Labels where the images should be, and the other way round.
        refuse(try images("swapped", idx([rows], labels, 8)), "train-images"),
        refuse(
          try DataFiles.writeIDX(to: folder, called: "swapped-labels", labels: good),
          "train-labels"),
        refuse(
          try DataFiles.writeIDX(
            to: folder, called: "few", labels: idx([rows - 1], labels.dropLast(), 8)), "119"),
        refuse(
          try DataFiles.writeIDX(
            to: folder, called: "wild", labels: idx([rows], labels.dropLast() + [255], 8)),
          "index 119"),
      ])
    }

    @Test func `NPY files`() throws {
      let y = try folder.write(
        "y.npy", DataFiles.npy("|u1", "(\(DataFiles.rows),)", DataFiles.labels))
      func x(_ name: String, _ bytes: [UInt8], _ words: String) throws -> Refusal {
        refuse("\(try folder.write(name, bytes)),\(y)", words)
      }
      let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13]
      let shape = "(\(DataFiles.rows), 12)"
      let nan = [UInt8](repeating: 0xFF, count: DataFiles.rows * 12 * 4)
      try Refusal.expect([
        try x("picture.npy", png, "NUMPY"), try x("empty.npy", [], "empty.npy"),
        try x("cut.npy", DataFiles.npy("|u1", shape, DataFiles.pixels.dropLast(7)), "cut.npy"),
        try x("object.npy", DataFiles.npy("|O", shape, DataFiles.pixels), "|O"),
        try x("code.npy", DataFiles.npy("|u1", "(__import__('os'),)", []), "code.npy"),
        try x(
          "huge.npy", DataFiles.npy("<f4", "(9223372036854775807, 12)", []), "huge.npy"),
        try x("nan.npy", DataFiles.npy("<f4", shape, nan), "row 0"),
        try x("few.npy", DataFiles.npy("|u1", "(4, 12)", Array(DataFiles.pixels[..<48])), "few"),
        refuse(y, "--data x.npy,y.npy", code: 64),
      ])
    }

    @Test func `Tables`() throws {
      func table(_ lines: [Int: String], _ words: String) throws -> Refusal {
        let path = try folder.write(
          UUID().uuidString + ".csv", DataFiles.csv(replacing: lines))
        return refuse(path, words, options: ["--target", "class"])
      }
      let whole = try folder.write("whole.csv", DataFiles.csv())
      try Refusal.expect([
        try table([17: "1,2,no"], "line 18"), try table([17: "1,2,3,4,no"], "line 18"),
        try table([20: "1,two,3,no"], "line 21"), try table([21: "1,nan,3,no"], "line 22"),
        try table([22: "1,,3,no"], "line 23"), try table([23: "1,1e999,3,no"], "line 24"),
        try table([24: "1,\"2,3,no"], "line 25"), try table([0: "a,a,b,class"], "line 1"),
        try table(Dictionary(uniqueKeysWithValues: (1...60).map { ($0, "") }), "line 2"),
        refuse(whole, "--target", code: 64),
        refuse(whole, "class", options: ["--target", "a"]),
        refuse(whole, "a, b, c, class", code: 64, options: ["--target", "d"]),
      ])
    }
  }
}
