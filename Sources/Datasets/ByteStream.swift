import Basics
import CZlib

/// Bytes in sequence: of a file as they are, or of a gzip stream unpacked.
final class ByteStream {
  let name: String
  private let input: InputBytes
  private var inflater: Inflater?
  private var position = 0

  /// - Parameter offset: decoded bytes to leave out.
  /// - Throws: `Failure.badData`, also where the name and the first bytes disagree about gzip.
  init(_ content: Content, startingAt offset: Int = 0) throws {
    name = content.name
    input = try content.open()
    var magic = [UInt8](repeating: 0, count: 2)
    let found = try magic.withUnsafeMutableBytes { try input.read(at: 0, into: $0) }
    let isGzip = found == 2 && magic == [0x1F, 0x8B]
    guard isGzip == content.isCompressed else {
      throw Failure.badData(
        isGzip
          ? "\(name), byte 0: expected plain data, found gzip (1f 8b)"
          : "\(name), byte 0: expected gzip data (1f 8b), found \(hex(magic.prefix(found)))",
        remedy: isGzip ? "Rename it to \(name).gz." : "Remove .gz from the name, or compress it.")
    }
    guard content.isCompressed else {
      position = offset
      return
    }
    inflater = try Inflater(input)
    guard offset > 0 else { return }
    let skipped = AlignedBuffer<UInt8>(count: offset)
    try readAll(UnsafeMutableRawBufferPointer(skipped.elements))
  }

  /// Goes on at byte `offset` of plain data.
  func seek(to offset: Int) {
    precondition(inflater == nil, "a gzip stream has no positions")
    position = offset
  }

  /// Fills `buffer`; fewer bytes mean the end.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = try inflater?.read(into: buffer) ?? input.read(at: position, into: buffer)
    position += count
    return count
  }

  /// Fills `buffer` or throws `Failure.badData`.
  func readAll(_ buffer: UnsafeMutableRawBufferPointer) throws {
    let start = position
    let count = try read(into: buffer)
    guard count == buffer.count else {
      throw Failure.badData(
        "\(name), byte \(start + count): expected \(buffer.count - count) more bytes, found the end",
        remedy: "The file is truncated: fetch it again.")
    }
  }

  /// Throws `Failure.badData` unless everything was read, checksums included.
  func requireEnd() throws {
    var byte: UInt8 = 0
    guard try withUnsafeMutableBytes(of: &byte, { try read(into: $0) }) == 0 else {
      throw Failure.badData("\(name), byte \(position - 1): expected the end, found more data")
    }
  }

  /// Whether `byteCount` bytes can be in there: deflate packs at most 1032 times.
  func canHold(_ byteCount: Int) -> Bool {
    (inflater == nil ? byteCount : byteCount / 1032) <= input.byteCount
  }

  /// Size of the file as it is stored.
  var storedBytes: Int { input.byteCount }
}

/// Unpacks gzip; several members in a row count as one stream.
private final class Inflater {
  private let input: InputBytes
  // zlib keeps the stream's address, so it must not move.
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
  private let packed = AlignedBuffer<UInt8>(count: 1 << 16)
  private var position = 0
  private var isBetweenMembers = false

  init(_ input: InputBytes) throws {
    self.input = input
    stream.initialize(to: z_stream())
    // 16: a gzip header, whose checksum zlib verifies.
    let size = Int32(MemoryLayout<z_stream>.size)
    guard inflateInit2_(stream, 16 + MAX_WBITS, ZLIB_VERSION, size) == Z_OK else {
      throw Failure.internalError("zlib does not start")
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    var filled = 0
    while filled < buffer.count {
      if stream.pointee.avail_in == 0 {
        let got = try input.read(at: position, into: UnsafeMutableRawBufferPointer(packed.elements))
        position += got
        stream.pointee.next_in = packed.pointer
        stream.pointee.avail_in = UInt32(got)
        if got == 0 {
          if isBetweenMembers { break }
          throw damaged("the end of the file before the end of the data")
        }
      }
      if isBetweenMembers {
        inflateReset(stream)
        isBetweenMembers = false
      }
      let room = UInt32(clamping: min(buffer.count - filled, 1 << 30))
      stream.pointee.next_out = buffer.baseAddress?.advanced(by: filled)
        .assumingMemoryBound(to: UInt8.self)
      stream.pointee.avail_out = room
      let code = inflate(stream, Z_NO_FLUSH)
      filled += Int(room - stream.pointee.avail_out)
      switch code {
      case Z_STREAM_END: isBetweenMembers = true
      case Z_OK, Z_BUF_ERROR: break
      default: throw damaged(stream.pointee.msg.map { String(cString: $0) } ?? "code \(code)")
      }
    }
    return filled
  }

  private func damaged(_ found: String) -> Failure {
    .badData(
      "\(input.name), byte \(position - Int(stream.pointee.avail_in)): expected gzip data, "
        + "found \(found)", remedy: "The file is damaged: fetch it again.")
  }
}

/// Bytes for a message: `1f 8b`.
func hex(_ bytes: some Sequence<UInt8>) -> String {
  let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
  return digits.isEmpty ? "nothing" : digits.joined(separator: " ")
}

/// Text for a message: quoted, control characters escaped, cut to 40 characters.
func quoted(_ text: String) -> String {
  text.isEmpty ? "nothing" : (text.count > 40 ? text.prefix(40) + "…" : text).debugDescription
}
