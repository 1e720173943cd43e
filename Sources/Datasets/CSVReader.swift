import Basics

/// Records of comma-separated values, read in sequence.
///
/// Understands quotes, line breaks within quotes, CRLF, a UTF-8 byte order mark and blank lines at
/// the end. Source: RFC 4180.
final class CSVReader {
  /// Records beyond this size are taken for an open quote or no text at all.
  static let maximumRecordBytes = 1 << 22

  let name: String
  /// Line the current record begins on, from 1.
  private(set) var line = 0
  private(set) var fieldCount = 0
  private let stream: ByteStream
  private let buffer = AlignedBuffer<UInt8>(count: CSVReader.maximumRecordBytes)
  private var fields: [Range<Int>] = []
  private var (start, end) = (0, 0)
  private var isAtEnd = false
  private var nextLine = 1
  private var blankLine: Int?

  init(_ content: Content) throws {
    name = content.name
    stream = try ByteStream(content)
    try refill()
    let bytes = buffer.elements[..<end]
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { start = 3 }
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
      throw Failure.badData("\(name), byte 0: expected UTF-8, found UTF-16", remedy: "Convert it.")
    }
  }

  /// Goes to the next record and takes it apart; false at the end. Throws `Failure.badData`.
  func next() throws -> Bool {
    guard let record = try nextRecord() else { return false }
    try split(record)
    return true
  }

  /// Leaves out up to `count` records without looking into them; returns how many there were.
  func skip(_ count: Int) throws -> Int {
    for skipped in 0..<count where try nextRecord() == nil { return skipped }
    return count
  }

  /// The text of one field of the record. Throws `Failure.badData` where it is not UTF-8.
  func text(_ field: Int) throws -> String {
    guard let text = String(validating: bytes(field), as: UTF8.self) else {
      throw failure("field \(field + 1): expected UTF-8, found \(hex(bytes(field).prefix(8)))")
    }
    return text
  }

  /// The value of one field as a decimal number; nil where it is none.
  func number(_ field: Int) -> Double? { parseDecimal(bytes(field)) }

  /// An error at the current record.
  func failure(_ message: String, remedy: String = "") -> Failure {
    .badData("\(name), line \(line): \(message)", remedy: remedy)
  }

  private func bytes(_ field: Int) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(rebasing: UnsafeBufferPointer(buffer.elements)[fields[field]])
  }

  /// The extent of the next record without its line break.
  private func nextRecord() throws -> Range<Int>? {
    while true {
      line = nextLine
      guard var stop = try findEnd() else { return nil }
      let first = start
      start = min(stop + 1, end)
      if stop > first, buffer.pointer[stop - 1] == .carriageReturn { stop -= 1 }
      guard stop > first else {
        blankLine = blankLine ?? line
        continue
      }
      if let blankLine {
        throw Failure.badData("\(name), line \(blankLine): expected a record, found a blank line")
      }
      return first..<stop
    }
  }

  /// The line feed, or the end, after `start` that is not within quotes; nil at the end.
  private func findEnd() throws -> Int? {
    let bytes = buffer.pointer
    var scan = start
    var isQuoted = false
    while true {
      while scan < end {
        let byte = bytes[scan]
        if byte == .quote {
          isQuoted.toggle()
        } else if byte == .lineFeed {
          nextLine += 1
          if !isQuoted { return scan }
        }
        scan += 1
      }
      if isAtEnd {
        guard !isQuoted else { throw failure("expected a closing quote, found the end") }
        return scan > start ? scan : nil
      }
      scan -= start
      try refill()
    }
  }

  /// Moves what is left to the front of the buffer and reads on.
  private func refill() throws {
    buffer.pointer.update(from: buffer.pointer + start, count: end - start)
    (start, end) = (0, end - start)
    guard end < buffer.count else {
      throw failure(
        "expected a record of at most \(buffer.count) bytes, found more",
        remedy: "Is a quote left open?")
    }
    let room = UnsafeMutableRawBufferPointer(start: buffer.pointer + end, count: buffer.count - end)
    let count = try stream.read(into: room)
    isAtEnd = count < room.count
    end += count
  }

  /// Finds the fields of a record; doubled quotes are made single in place.
  private func split(_ record: Range<Int>) throws {
    let bytes = buffer.pointer
    fields.removeAll(keepingCapacity: true)
    var position = record.lowerBound
    while true {
      let isQuoted = position < record.upperBound && bytes[position] == .quote
      if isQuoted { position += 1 }
      let first = position
      var write = position
      while position < record.upperBound {
        let byte = bytes[position]
        if isQuoted, byte == .quote {
          guard position + 1 < record.upperBound, bytes[position + 1] == .quote else { break }
          position += 1
        } else if !isQuoted, byte == .comma {
          break
        } else if byte == 0 || !isQuoted && (byte == .quote || byte == .carriageReturn) {
          throw failure(
            "field \(fields.count + 1): expected text, found byte \(hex([byte]))",
            remedy: "Accepted: UTF-8, LF or CRLF line ends, quotes around a whole field.")
        }
        bytes[write] = byte
        write += 1
        position += 1
      }
      fields.append(trim(first..<write))
      if isQuoted {
        position += 1
        guard position >= record.upperBound || bytes[position] == .comma else {
          throw failure("field \(fields.count): expected a comma after the closing quote")
        }
      }
      if position >= record.upperBound { break }
      position += 1
    }
    fieldCount = fields.count
  }

  private func trim(_ field: Range<Int>) -> Range<Int> {
    func isSpace(_ index: Int) -> Bool { [0x20, 0x09].contains(buffer.pointer[index]) }
    var (first, last) = (field.lowerBound, field.upperBound)
    while first < last, isSpace(first) { first += 1 }
    while last > first, isSpace(last - 1) { last -= 1 }
    return first..<last
  }
}

extension UInt8 {
  fileprivate static let lineFeed: UInt8 = 0x0A
  fileprivate static let carriageReturn: UInt8 = 0x0D
  fileprivate static let quote: UInt8 = 0x22
  fileprivate static let comma: UInt8 = 0x2C
}
