import Basics
import CZlib
import Datasets
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Musl
#endif

/// A folder of this test's own, removed with its content.
final class TemporaryFolder {
  let path: String

  init() throws {
    var template = Array("/tmp/datasets-test-XXXXXX".utf8CString)
    path = try #require(mkdtemp(&template).map { String(cString: $0) })
  }

  deinit {
    guard let folder = opendir(path) else { return }
    while let entry = readdir(folder) {
      withUnsafeBytes(of: entry.pointee.d_name) { name in
        _ = unlink(path + "/" + String(decoding: name.prefix { $0 != 0 }, as: UTF8.self))
      }
    }
    closedir(folder)
    rmdir(path)
  }

  /// Writes a file, packed if its name ends in `.gz` and `packing` is left as it is.
  @discardableResult
  func write(_ name: String, _ bytes: [UInt8], packing: Bool = true) throws -> String {
    let target = path + "/" + name
    if name.hasSuffix(".gz"), packing {
      let file = try #require(gzopen(target, "wb"))
      #expect(gzwrite(file, bytes, UInt32(bytes.count)) == Int32(bytes.count))
      gzclose(file)
    } else {
      let file = try #require(fopen(target, "wb"))
      #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
      fclose(file)
    }
    return target
  }

  @discardableResult
  func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }

  func read(_ name: String) throws -> [UInt8] {
    let file = try #require(fopen(path + "/" + name, "rb"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
    return bytes
  }
}

/// A data set decoded by `parts` shares, one after the other.
final class Decoded {
  let dataset: Dataset
  let bytes: AlignedBuffer<UInt8>

  init(_ source: any DatasetSource, parts: Int = 1) throws {
    let description = try source.describe()
    bytes = AlignedBuffer(count: description.byteCount)
    for index in 0..<parts {
      try source.decode(description, part: index, of: parts, into: bytes.pointer)
    }
    dataset = Dataset(description: description, base: bytes.pointer)
  }

  convenience init(_ spec: String, _ options: DataOptions = DataOptions(), parts: Int = 1) throws {
    try self.init(datasetSource(named: spec, options: options), parts: parts)
  }

  var description: DatasetDescription { dataset.description }

  func features(_ row: Int, _ part: DatasetPart = .train) -> [Float] {
    let output = AlignedBuffer<Float>(count: dataset.featureCount)
    dataset.copyFeatures(row: row, part: part, to: output.pointer)
    return Array(output.elements)
  }

  func values(_ row: Int, _ part: DatasetPart = .train) -> [Float] {
    guard case .values(let width) = description.target else { return [] }
    let output = AlignedBuffer<Float>(count: width)
    dataset.copyValues(row: row, part: part, to: output.pointer)
    return Array(output.elements)
  }

  func classes(_ part: DatasetPart = .train) -> [Int32] {
    (0..<dataset.rows(part)).map { dataset.copyClass(row: $0, part: part) }
  }
}

/// Decodes and expects a `Failure` of `kind` whose text has all of `words`.
func expectFailure(
  _ words: String..., kind: Failure.Kind = .badData, spec: String,
  options: DataOptions = DataOptions(), at location: SourceLocation = #_sourceLocation
) {
  do {
    _ = try Decoded(spec, options)
    Issue.record("\(spec) was accepted", sourceLocation: location)
  } catch let failure as Failure {
    #expect(failure.kind == kind, "\(failure)", sourceLocation: location)
    for word in words {
      #expect(failure.description.contains(word), "\(failure)", sourceLocation: location)
    }
  } catch {
    Issue.record(error, sourceLocation: location)
  }
}

func bigEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
  withUnsafeBytes(of: number.bigEndian) { Array($0) }
}

func littleEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
  withUnsafeBytes(of: number.littleEndian) { Array($0) }
}

/// An IDX file.
func idx(type: UInt8 = 8, _ extents: [UInt32], _ data: [UInt8]) -> [UInt8] {
  [0, 0, type, UInt8(extents.count)] + extents.flatMap(bigEndian) + data
}

/// An NPY file with a header as given; version 1.0 unless said otherwise.
func npy(_ dictionary: String, _ data: [UInt8], version: UInt8 = 1) -> [UInt8] {
  let header = Array(dictionary.utf8) + [0x0A]
  let length =
    version == 1 ? littleEndian(UInt16(header.count)) : littleEndian(UInt32(header.count))
  return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + header + data
}

func npy(_ descr: String, _ shape: String, _ data: [UInt8], fortran: Bool = false) -> [UInt8] {
  let order = fortran ? "True" : "False"
  return npy("{'descr': '\(descr)', 'fortran_order': \(order), 'shape': \(shape), }", data)
}

func isInstalled(_ path: String) -> Bool { access(path, R_OK) == 0 }

func makeFifo(_ path: String) { #expect(mkfifo(path, 0o600) == 0) }
