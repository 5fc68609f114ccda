import Foundation

/// Cuts a stream of bytes into lines that end in LF.
struct LineReader {
  struct LineTooLong: Error, CustomStringConvertible {
    let limit: Int
    var description: String { "a line is longer than \(limit) bytes" }
  }

  private var buffer = Data()
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  /// - Returns: the lines that `bytes` completes, without their LF.
  mutating func take(_ bytes: UnsafeRawBufferPointer) throws(LineTooLong) -> [Data] {
    buffer.append(contentsOf: bytes)
    var lines: [Data] = []
    while let end = buffer.firstIndex(of: 0x0A) {
      lines.append(Data(buffer[..<end]))
      buffer = Data(buffer[(end + 1)...])
    }
    guard buffer.count <= limit else { throw LineTooLong(limit: limit) }
    return lines
  }
}
