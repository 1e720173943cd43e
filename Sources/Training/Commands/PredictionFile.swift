import Basics
import CKernels
import Datasets
import Reports

/// A model's outputs for some rows of a data set.
package struct Predictions {
  /// The rows' numbers in their part of the data, ascending.
  package let rows: [Int]
  package let outputs: Int
  /// `[rows, outputs]`.
  package let values: UnsafePointer<Float>
}

/// Predictions as a file: `.npy` holds the model's outputs, `.csv` what they mean.
package enum PredictionFile {
  /// - Throws: `Failure.usage` for another ending, before anything is computed.
  package static func check(path: String) throws {
    guard path.hasSuffix(".npy") || path.hasSuffix(".csv") else {
      throw Failure.usage("output: '\(path)'", remedy: "Name a file that ends in .csv or .npy.")
    }
  }

  /// `.npy`: float32 `[rows, outputs]`, logits or values. `.csv`: for classes the row number, the
  /// class and the softmax probability of every class; else the values.
  package static func write(
    _ predictions: Predictions, to path: String,
    for model: TrainedModel
  ) throws {
    var writer = try FileWriter(path: path)
    if path.hasSuffix(".npy") {
      let header = npyHeader(rows: predictions.rows.count, columns: predictions.outputs)
      let length = UInt16(header.utf8.count)
      let magic = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 255), UInt8(length >> 8)]
      try magic.withUnsafeBytes { try writer.write($0) }
      try writer.write(header)
      try writer.write(
        UnsafeRawBufferPointer(
          start: predictions.values, count: predictions.rows.count * predictions.outputs * 4))
    } else {
      try writeTable(predictions, model.state.dataset.target, to: &writer)
    }
    try writer.finish()
  }

  private static func writeTable(
    _ predictions: Predictions,
    _ target: TargetDescription, to writer: inout FileWriter
  ) throws {
    let width = predictions.outputs
    let probabilities = AlignedBuffer<Float>(count: width)
    var names: [String]?
    if case .classes(let classes) = target { names = classes }
    let columns =
      names.map { ["class"] + $0.map { "p(\($0))" } } ?? (0..<width).map { "prediction_\($0)" }
    try writer.write(csvLine(["row"] + columns))
    for (position, row) in predictions.rows.enumerated() {
      let values = predictions.values + position * width
      var cells = ["\(row)"]
      if let names {
        ck_softmax(values, probabilities.pointer, 1, width)
        let best = probabilities.elements.indices.max {
          probabilities.elements[$0] < probabilities.elements[$1]
        }
        cells += [names[best ?? 0]] + probabilities.elements.map { "\($0)" }
      } else {
        cells += (0..<width).map { "\(values[$0])" }
      }
      try writer.write(csvLine(cells))
    }
  }

  /// NPY 1.0: the header ends at a multiple of 64 bytes.
  private static func npyHeader(rows: Int, columns: Int) -> String {
    let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(rows), \(columns)), }"
    let padded = (10 + text.utf8.count + 1).roundedUp(to: 64)
    return text + String(repeating: " ", count: padded - 10 - text.utf8.count - 1) + "\n"
  }
}
