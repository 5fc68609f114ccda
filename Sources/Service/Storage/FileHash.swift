import Crypto
package import Foundation
import Glibc

/// SHA-256 as lowercase hexadecimal, of bytes and of files read in pieces.
package enum FileHash {
  package static func sha256(_ data: some DataProtocol) -> String {
    hexadecimal(SHA256.hash(data: data))
  }

  /// - Throws: `StorageError.notFound` only if it is not there; `.unreadable` or `.shortage` if it cannot be
  ///   read now
  package static func sha256(ofFile file: URL) throws -> String {
    let descriptor = FileIO.open(file, O_RDONLY)
    guard descriptor >= 0 else { throw FileIO.readError(file.lastPathComponent) }
    defer { close(descriptor) }
    return try sha256(of: descriptor, file)
  }

  /// Of an open file, from its start on.
  /// - Parameter pace: called after each piece with its number of bytes
  static func sha256(
    of descriptor: Int32, _ file: URL, pace: (Int) throws -> Void = { _ in }
  ) throws -> String {
    var hash = SHA256()
    var offset = 0
    try withUnsafeTemporaryAllocation(byteCount: 1 << 20, alignment: 64) { piece in
      while true {
        let count = FileIO.read(descriptor, piece, at: offset, of: file)
        // What cannot be read is refused; only failed writes leave the disk's state unknown.
        guard count >= 0 else { throw FileIO.readError(file.lastPathComponent) }
        if count == 0 { return }
        hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: piece[..<count]))
        offset += count
        try pace(count)
      }
    }
    return hexadecimal(hash.finalize())
  }

  /// Digest of a set of files: SHA-256 over the lines `<sha256>  <name>\n`, sorted by name.
  package static func sha256(ofFiles files: [StoredFile]) -> String {
    let lines = files.sorted { $0.name < $1.name }.map { "\($0.sha256)  \($0.name)\n" }
    return sha256(Data(lines.joined().utf8))
  }

  private static func hexadecimal(_ digest: SHA256.Digest) -> String {
    digest.map { byte in
      let text = String(byte, radix: 16)
      return text.count == 1 ? "0" + text : text
    }.joined()
  }
}
