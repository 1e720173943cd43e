import Foundation

/// Small data sets in the formats that the program reads.
///
/// 120 samples of 3 × 4 bytes in three classes that can be told apart; the same in every format.
enum DataFiles {
  static let rows = 120

  static func label(_ row: Int) -> UInt8 { UInt8(row * 7 % 3) }

  static func pixel(_ row: Int, _ index: Int) -> UInt8 {
    UInt8((row * 31 + index * 17) % 50 + (index % 3 == Int(label(row)) ? 150 : 0))
  }

  static var labels: [UInt8] { (0..<rows).map(label) }
  static var pixels: [UInt8] { (0..<rows).flatMap { row in (0..<12).map { pixel(row, $0) } } }

  static func idx(_ extents: [Int], _ data: [UInt8], type: UInt8 = 8) -> [UInt8] {
    [0, 0, type, UInt8(extents.count)] + extents.flatMap { bytes(UInt32($0).bigEndian) } + data
  }

  static func npy(
    _ type: String, _ shape: String, fortran: Bool = false, _ data: [UInt8]
  ) -> [UInt8] {
    let order = fortran ? "True" : "False"
    var header = "{'descr': '\(type)', 'fortran_order': \(order), 'shape': \(shape), }"
    header += String(repeating: " ", count: 117 - header.utf8.count) + "\n"
    return [0x93] + Array("NUMPY".utf8) + [1, 0]
      + bytes(UInt16(header.utf8.count).littleEndian) + Array(header.utf8) + data
  }

  /// The features as float32 `[rows, 12]` in any order of axes and bytes, with int64 labels.
  static func write(to folder: TemporaryFolder, fortran: Bool, bigEndian: Bool) throws -> String {
    let sign = bigEndian ? ">" : "<"
    var data: [UInt8] = []
    for outer in 0..<(fortran ? 12 : rows) {
      for inner in 0..<(fortran ? rows : 12) {
        let value = fortran ? pixel(inner, outer) : pixel(outer, inner)
        let pattern = (Float(value) / 255).bitPattern
        data += bytes(bigEndian ? pattern.bigEndian : pattern.littleEndian)
      }
    }
    let targets = labels.flatMap {
      bytes(bigEndian ? Int64($0).bigEndian : Int64($0).littleEndian)
    }
    let name = "\(fortran ? "fortran" : "c")-\(bigEndian ? "big" : "little")"
    let x = try folder.write(
      "\(name)-x.npy", npy(sign + "f4", "(\(rows), 12)", fortran: fortran, data))
    let y = try folder.write("\(name)-y.npy", npy(sign + "i8", "(\(rows),)", targets))
    return "\(x),\(y)"
  }

  /// A folder of IDX files; `images` and `labels` stand in for what is right.
  static func writeIDX(
    to folder: TemporaryFolder, called name: String, images: [UInt8]? = nil,
    labels: [UInt8]? = nil, isPacked: Bool = false
  ) throws -> String {
    let path = folder.file(name)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try folder.write(
      name + "/train-images-idx3-ubyte", images ?? idx([rows, 3, 4], pixels))
    try folder.write(name + "/train-labels-idx1-ubyte", labels ?? idx([rows], self.labels))
    if isPacked {
      try Subject.tool(
        "gzip", "-n", path + "/train-images-idx3-ubyte", path + "/train-labels-idx1-ubyte")
    }
    return path
  }

  /// `a,b,c,class` with numbers and names; every line can be replaced.
  static func csv(replacing lines: [Int: String] = [:]) -> String {
    (0...60).map { row in
      if let line = lines[row] { return line }
      if row == 0 { return "a,b,c,class" }
      let kind = row % 2
      let numbers = "\(row % 7),\(Double(row * 3 % 11) / 4),\(kind * 5 + row % 3)"
      return numbers + (kind == 0 ? ",no" : ",yes")
    }.joined(separator: "\n") + "\n"
  }

  private static func bytes<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
    withUnsafeBytes(of: number) { Array($0) }
  }
}
