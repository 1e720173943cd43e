import Basics

/// The embedded handwritten digits: 1,797 images of 8×8 grey values 0…16.
///
/// Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
/// Learning Repository, 1998, doi 10.24432/C50P49.
struct DigitsPart: PartReader {
  let hasTargets: Bool
  private let content = Content(name: "digits.csv.gz", bytes: PackageResources.digits_csv_gz)

  init(hasTargets: Bool) { self.hasTargets = hasTargets }

  func describe(like reference: DatasetDescription?) throws -> DatasetDescription {
    DatasetDescription(
      name: "digits", featureShape: [1, 8, 8], featureType: .uint8, divisor: 16,
      target: .classes(names: (0..<10).map(String.init)), targetName: "class",
      hasTargets: hasTargets, rows: [.train: 1797], sourceBytes: try content.open().byteCount)
  }

  /// Lines of 64 pixels and the digit, without a header.
  func tasks(_ description: DatasetDescription, _ memory: PartMemory) throws -> [DecodeTask] {
    let task = DecodeTask(byteCount: memory.rows * 65, rows: memory.rows, isSplittable: true) {
      rows in
      let reader = try CSVReader(content)
      var row = try reader.skip(rows.lowerBound)
      while row < rows.upperBound, try reader.next(), reader.fieldCount == 65 {
        for pixel in 0..<64 {
          let value = UInt8(clamping: Int(reader.number(pixel) ?? 0))
          memory.features.storeBytes(of: value, toByteOffset: row * 64 + pixel, as: UInt8.self)
        }
        if description.hasTargets {
          let label = Int32(reader.number(64) ?? 0)
          memory.targets.storeBytes(of: label, toByteOffset: row * 4, as: Int32.self)
        }
        row += 1
      }
      guard row == rows.upperBound else { throw reader.failure("expected 65 fields") }
    }
    return [task]
  }
}
