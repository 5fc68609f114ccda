import Foundation
import Glibc

/// A file of lines in ascending order, searched and read in place: a lookup touches as many blocks as the file's length
/// has halvings. What follows the last LF is torn and not there.
final class LineFile {
  /// Bytes read at once; lines are a fraction of it.
  private static let block = 16 << 10

  private let descriptor: Int32
  /// Bytes up to and with the last LF.
  private let length: Int
  private var cached: (start: Int, bytes: [UInt8]) = (0, [])

  /// - Returns: `nil` if there is no such file
  init?(_ file: URL) throws {
    descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 {
      if errno == ENOENT { return nil }
      throw FileIO.error("opening \(file.lastPathComponent)")
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let error = FileIO.error("looking at \(file.lastPathComponent)")
      close(descriptor)
      throw error
    }
    var end = Int(status.st_size)
    while end > 0 {
      let start = max(0, end - Self.block)
      let bytes = try Self.read(descriptor, start, end - start)
      if let last = bytes.lastIndex(of: 0x0A) {
        end = start + last + 1
        break
      }
      end = start
    }
    length = end
  }

  deinit { close(descriptor) }

  /// The line that starts at `offset`, without its LF, and the start of the next one; `nil` at the end.
  func line(at offset: Int) throws -> (line: Data, next: Int)? {
    guard offset < length else { return nil }
    var line = Data()
    var position = offset
    while true {
      let bytes = try bytes(at: position)
      // Cut back under the reader: a resumed attempt rewinds its log.
      guard !bytes.isEmpty else { return nil }
      if let end = bytes.firstIndex(of: 0x0A) {
        line.append(contentsOf: bytes[..<end])
        return (line, position + end - bytes.startIndex + 1)
      }
      line.append(contentsOf: bytes)
      position += bytes.count
    }
  }

  /// Where the first line begins that `isAfter` holds for, as it does for all behind it; the end if there is none.
  func firstLine(from start: Int = 0, where isAfter: (Data) -> Bool) throws -> Int {
    // Both are starts of lines; every line before `low` is too early, none from `high` on is.
    var (low, high) = (min(start, length), length)
    while low < high {
      let middle = try startOfLine(at: low + (high - low) / 2, notBefore: low)
      guard let (line, next) = try line(at: middle) else { break }
      if isAfter(line) { high = middle } else { low = next }
    }
    return low
  }

  /// The start of the line that the byte at `offset` belongs to.
  private func startOfLine(at offset: Int, notBefore limit: Int) throws -> Int {
    var end = offset
    while end > limit {
      let start = max(limit, end - Self.block)
      let bytes = try Self.read(descriptor, start, end - start)
      if let last = bytes.lastIndex(of: 0x0A) { return start + last + 1 }
      end = start
    }
    return limit
  }

  /// Some bytes from `offset` on; none if the file has been cut before it.
  private func bytes(at offset: Int) throws -> ArraySlice<UInt8> {
    if offset < cached.start || offset >= cached.start + cached.bytes.count {
      cached = (offset, try Self.read(descriptor, offset, min(Self.block, length - offset)))
    }
    return cached.bytes[(offset - cached.start)...]
  }

  private static func read(_ descriptor: Int32, _ offset: Int, _ count: Int) throws -> [UInt8] {
    var done = 0
    let bytes = try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      while done < count {
        let taken = pread(
          descriptor, buffer.baseAddress?.advanced(by: done), count - done, off_t(offset + done))
        if taken < 0, errno == EINTR { continue }
        guard taken >= 0 else { throw FileIO.error("reading lines") }
        if taken == 0 { break }
        done += taken
      }
      initialized = done
    }
    return bytes
  }
}
