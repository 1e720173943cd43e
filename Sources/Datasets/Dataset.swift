import Basics
import CKernels

/// Decoded rows in memory that nobody writes any more.
///
/// Nothing here allocates: a rank copies rows out of it in every step.
package struct Dataset: @unchecked Sendable {
  package let description: DatasetDescription
  /// Features of one row.
  package let featureCount: Int
  private let train: Section
  private let validation: Section
  private let test: Section
  private let isBytes: Bool
  private let divisor: Float
  private let valueCount: Int

  private struct Section {
    let rows: Int
    let features: UnsafeRawPointer
    let targets: UnsafeRawPointer
  }

  /// - Parameter base: `description.byteCount` decoded bytes, 4-byte aligned, outliving this.
  package init(description: DatasetDescription, base: UnsafeRawPointer) {
    self.description = description
    featureCount = description.featureCount
    isBytes = description.featureType == .uint8
    divisor = description.divisor
    precondition(isBytes || divisor == 1, "only bytes are divided")
    valueCount = description.target.width
    func section(_ part: DatasetPart) -> Section {
      let place = description.section(part)
      return Section(
        rows: place.rows, features: base + place.features, targets: base + place.targets)
    }
    train = section(.train)
    validation = section(.validation)
    test = section(.test)
  }

  /// Rows of one part.
  package func rows(_ part: DatasetPart) -> Int { section(part).rows }

  /// Copies one row as the model wants it: `[featureCount]` floats, divided by the divisor.
  package func copyFeatures(row: Int, part: DatasetPart, to output: UnsafeMutablePointer<Float>) {
    let section = checked(row, part)
    if isBytes {
      let bytes = section.features.assumingMemoryBound(to: UInt8.self) + row * featureCount
      ck_convert_u8(bytes, output, featureCount, divisor)
    } else {
      let floats = section.features.assumingMemoryBound(to: Float.self) + row * featureCount
      output.update(from: floats, count: featureCount)
    }
  }

  /// Starts to bring the features of one row into the cache.
  package func prefetch(row: Int, part: DatasetPart) {
    let section = checked(row, part)
    let bytes = isBytes ? featureCount : 4 * featureCount
    ck_prefetch(section.features + row * bytes, bytes)
  }

  /// The tokens of a part that is text.
  package func tokens(_ part: DatasetPart) -> UnsafeBufferPointer<UInt16> {
    UnsafeBufferPointer(
      start: section(part).features.assumingMemoryBound(to: UInt16.self),
      count: description.text?.tokens[part] ?? 0)
  }

  /// The class of one row. The target must be classes.
  package func copyClass(row: Int, part: DatasetPart) -> Int32 {
    checked(row, part).targets.load(fromByteOffset: 4 * row, as: Int32.self)
  }

  /// Copies the values of one row: `[width]` floats. The target must be values.
  package func copyValues(row: Int, part: DatasetPart, to output: UnsafeMutablePointer<Float>) {
    let floats = checked(row, part).targets.assumingMemoryBound(to: Float.self)
    output.update(from: floats + row * valueCount, count: valueCount)
  }

  private func checked(_ row: Int, _ part: DatasetPart) -> Section {
    let section = section(part)
    precondition(row >= 0 && row < section.rows, "row outside the part")
    return section
  }

  private func section(_ part: DatasetPart) -> Section {
    switch part {
    case .train: train
    case .validation: validation
    case .test: test
    }
  }
}
