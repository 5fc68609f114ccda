import Crypto
package import Foundation
import Glibc

/// SHA-256 as lowercase hexadecimal, of bytes and of files read in pieces.
package enum FileHash {
  package static func sha256(_ data: some DataProtocol) -> String {
    hexadecimal(SHA256.hash(data: data))
  }

  /// - Throws: `StorageError.notFound` only if it is not there, `.undecodable` if it cannot be read now
  package static func sha256(ofFile file: URL) throws -> String {
    let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      let code = errno
      guard code != ENOENT, code != ENOTDIR else {
        throw StorageError.notFound(file.lastPathComponent)
      }
      throw StorageError.undecodable(
        record: file.lastPathComponent, detail: String(cString: strerror(code)))
    }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    defer { try? handle.close() }
    var hash = SHA256()
    do {
      while let piece = try handle.read(upToCount: 1 << 20), !piece.isEmpty {
        hash.update(data: piece)
      }
    } catch {
      // What cannot be read is refused; only failed writes leave the disk's state unknown.
      throw StorageError.undecodable(
        record: file.lastPathComponent, detail: error.localizedDescription)
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
